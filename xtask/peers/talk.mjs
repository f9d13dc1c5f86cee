// What a JavaScript client does for each of its users, side by side, and what came of it: `talk.py` in another language.

const told = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// Lets everybody through when everybody is there.
const meetings = (users) => {
  let waiting = [];
  return () =>
    new Promise((go) => {
      waiting.push(go);
      if (waiting.length === users) {
        const all = waiting;
        waiting = [];
        all.forEach((each) => each());
      }
    });
};

// Calls a tool; tells its text, what was heard and asked on the way, and whether it ended otherwise.
const call = async (client, line, step) => {
  line.asked = [];
  line.answer = step.answer;
  const heard = [];
  const leaving = new AbortController();
  const hear = ({ progress, total, message }) => {
    heard.push({ progress, total, message });
    if (step.cancel) leaving.abort();
  };
  const came = {};
  try {
    came.text = await client.call(step.tool, step.arguments, step.follow ? hear : undefined, leaving.signal);
  } catch (error) {
    if (leaving.signal.aborted) came.ended = "canceled";
    else came.error = String(error);
  }
  if (step.follow) came.heard = heard;
  if (line.asked.length > 0 || step.answer) came.asked = line.asked;
  return came;
};

const visit = async (connect, work, user, { route, steps }, meet) => {
  const line = { url: `${work.url}/${route}`, key: user.key, era: work.era };
  line.ask = (message) => {
    line.asked.push(message);
    return line.answer;
  };
  const client = await connect(line);
  for (const [number, step] of steps.entries()) {
    if (step.do === "meet") {
      await meet();
      continue;
    }
    const came = step.do === "list" ? { tools: await client.tools() } : await call(client, line, step);
    told({ user: user.name, route, step: number, came });
  }
  await client.close();
};

/** The texts of a result. */
export const text = (result) => result.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");

/** Does the work on standard input with `connect`, which makes a client of a line: `{ url, key, era, ask }`. */
export const run = async (connect) => {
  const pieces = [];
  for await (const piece of process.stdin) pieces.push(piece);
  const work = JSON.parse(Buffer.concat(pieces).toString());
  const meet = meetings(work.users.length);
  const use = async (user) => {
    for (const each of user.visits) await visit(connect, work, user, each, meet);
  };
  await Promise.all(work.users.map(use));
};
