// The TypeScript SDK, which speaks both eras.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { run, text } from "./talk.mjs";

const MODES = { stateful: "legacy", stateless: { pin: "2026-07-28" } };

await run(async (line) => {
  const capabilities = { elicitation: { form: {} } };
  const client = new Client(
    { name: "crosstalk", version: "1" },
    { capabilities, versionNegotiation: { mode: MODES[line.era] } },
  );
  client.setRequestHandler("elicitation/create", ({ params }) => ({
    action: "accept",
    content: line.ask(params.message),
  }));
  const requestInit = { headers: { Authorization: `Bearer ${line.key}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(line.url), { requestInit }));
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, onprogress, signal) =>
      text(await client.callTool({ name, arguments: args }, { onprogress, signal })),
    close: () => client.close(),
  };
});
