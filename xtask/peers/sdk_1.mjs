// The TypeScript SDK in its first line, which speaks the stateful era.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

import { run, text } from "./talk.mjs";

await run(async (line) => {
  const client = new Client({ name: "crosstalk", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
    action: "accept",
    content: line.ask(params.message),
  }));
  const requestInit = { headers: { Authorization: `Bearer ${line.key}` } };
  const transport = new StreamableHTTPClientTransport(new URL(line.url), { requestInit });
  await client.connect(transport);
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, onprogress, signal) =>
      text(await client.callTool({ name, arguments: args }, undefined, { onprogress, signal })),
    close: async () => {
      await transport.terminateSession();
      await client.close();
    },
  };
});
