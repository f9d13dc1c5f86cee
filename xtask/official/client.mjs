// A client for the official suite's client scenarios: it does what each of them wants to see done.
//
//     node client.mjs ERA URL, with a key in HUB_KEY where one is needed
//
// The suite says in its environment which scenario it plays. What comes back is not judged here: the suite is the server.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const MODES = { stateful: "legacy", stateless: { pin: "2026-07-28" } };
const [era, url] = process.argv.slice(2);
const { HUB_KEY, MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_CONTEXT } = process.env;

const connect = async () => {
  const client = new Client(
    { name: "crosstalk", version: "1" },
    { capabilities: { elicitation: {}, sampling: {}, roots: {} }, versionNegotiation: { mode: MODES[era] } },
  );
  client.setRequestHandler("elicitation/create", async () => {
    // In the middle of one call, another that has nothing to do with it.
    await client.callTool({ name: "test_mrtr_unrelated", arguments: {} });
    return { action: "accept", content: { confirmed: true } };
  });
  const requestInit = { headers: HUB_KEY ? { Authorization: `Bearer ${HUB_KEY}` } : {} };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return client;
};

const call = (client, name, args = {}) => client.callTool({ name, arguments: args });

const scenarios = {
  "request-metadata": (client) => client.listTools(),
  "http-standard-headers": async (client) => {
    for (const tool of (await client.listTools()).tools) await call(client, tool.name);
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
  },
  "http-custom-headers": async (client) => {
    await client.listTools();
    for (const { name, arguments: args } of JSON.parse(MCP_CONFORMANCE_CONTEXT).toolCalls) await call(client, name, args);
  },
  "sep-2322-client-request-state": async (client) => {
    await client.listTools();
    for (const kind of ["echo_state", "no_state"]) await call(client, `test_mrtr_${kind}`);
    // This client takes no result without a type, and says so; what matters is that it does not ask again.
    await call(client, "test_mrtr_no_result_type").catch((error) => console.error(String(error)));
  },
  "sse-retry": async (client) => {
    await client.listTools();
    await call(client, "test_reconnection");
  },
  "json-schema-ref-no-deref": (client) => client.listTools(),
};

// A server may refuse the first revision that it is asked for: whoever speaks one that it names asks again.
const client = await connect().catch(connect);
await scenarios[MCP_CONFORMANCE_SCENARIO](client);
await client.close();
