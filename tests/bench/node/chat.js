// What `bench sockets` compares with: the official server, doing what its own does.
// Usage: chat.js PORT KEY_SET MODULES

const { createPublicKey, verify } = require("node:crypto");
const { createServer } = require("node:http");
const { Server } = require(`${process.argv[4]}/socket.io`);

const [port, keySet] = process.argv.slice(2);
const keys = new Map(
  JSON.parse(keySet).keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: "jwk" })]),
);

/** Who `token` says it is; throws if it is not valid. */
const identify = (token) => {
  const [header, payload, signature] = token.split(".");
  const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));
  const signed = Buffer.from(`${header}.${payload}`);
  const key = keys.get(decode(header).kid);
  if (!verify(null, signed, key, Buffer.from(signature, "base64url"))) throw new Error("forged");
  const claims = decode(payload);
  if (claims.exp * 1000 <= Date.now()) throw new Error("expired");
  return claims.sub;
};

const http = createServer((request, response) => {
  response.writeHead(request.url === "/readyz" ? 200 : 404, { "content-length": 0 }).end();
});
const io = new Server(http, { serveClient: false, transports: ["websocket"] });

io.use((socket, next) => {
  try {
    socket.data.user = identify(socket.handshake.auth.token);
    next();
  } catch {
    next(new Error("invalid_token"));
  }
});

io.on("connection", (socket) => {
  const { user } = socket.data;
  socket.join(`user:${user}`);
  socket.on("message", ({ to, content }, acknowledge) => {
    io.to(`user:${to}`).emit("message:received", { from: user, content });
    acknowledge({ ok: true });
  });
});

http.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
process.on("SIGTERM", () => process.exit(0));
