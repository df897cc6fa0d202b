// What every story begins with: the official client, over the transports that the test names.

const { io } = require("socket.io-client");

const [url, transports] = process.argv.slice(2);
const LIMIT_MS = 25_000;

/** A client that has been told to connect as `name`. */
const connect = (name, options = {}) =>
  io(url, {
    transports: transports.split(","),
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
    auth: { token: "good", name },
    ...options,
  });

/** The arguments of the next `event`; one of them alone is not in a list. */
const next = (emitter, event) =>
  new Promise((resolve) => emitter.once(event, (...args) => resolve(args.length > 1 ? args : args[0])));

/** A client that is connected, and over its last transport. */
const connected = async (name, options) => {
  const socket = connect(name, options);
  await next(socket, "connect");
  await upgraded(socket);
  return socket;
};

/** Emits and waits for all arguments of the answer; `emitWithAck` gives only the first. */
const ask = (socket, event, ...args) =>
  new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer)));

/** Waits until the client is over the last of its transports. */
const upgraded = async (socket) => {
  const last = transports.split(",").at(-1);
  if (socket.io.engine.transport.name !== last) await next(socket.io.engine, "upgrade");
};

/** Collects the first argument of every `event`; `until(n)` waits for so many. */
const collect = (socket, event) => {
  const seen = [];
  let wanted = Infinity;
  let enough;
  socket.on(event, (item) => {
    seen.push(item);
    if (seen.length >= wanted) enough();
  });
  const until = (count) =>
    new Promise((resolve) => {
      wanted = count;
      enough = () => resolve(seen);
      if (seen.length >= count) enough();
    });
  return { seen, until };
};

/** Tells the test what has been reached. */
const tell = (line) => process.stdout.write(`${line}\n`);

/** Waits for the next line of the test. */
const told = () => next(process.stdin.resume().setEncoding("utf8"), "data");

/** Plays `body`: the process ends with 0 if nothing in it threw. */
const story = (body) => {
  const limit = setTimeout(() => fail(new Error("the story has no end")), LIMIT_MS);
  const fail = (error) => {
    console.error(error);
    process.exit(1);
  };
  process.on("unhandledRejection", fail);
  body().then(() => {
    clearTimeout(limit);
    process.exit(0);
  }, fail);
};

module.exports = { url, transports, ask, connect, connected, upgraded, next, collect, tell, told, story };
