// The official client, as an app uses it: it connects, comes back by itself whenever it has to, and
// ends when it was told number `last`, having been told every number once and in order.
// Usage: follow.js URL TOKEN TRANSPORTS LAST

const assert = require("node:assert/strict");
const { io } = require("socket.io-client");

const [url, token, transports, last] = process.argv.slice(2);
const socket = io(url, {
  auth: { token },
  transports: transports.split(","),
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
});
const told = [];
let connects = 0;

socket.on("connect", () => {
  connects += 1;
  assert.equal(socket.recovered, connects > 1, "whoever comes back is recovered");
  console.log("connected");
});
socket.on("connect_error", (error) => {
  // A refusal is final for the client, an outage is not.
  if (!socket.active) throw error;
});
socket.on("n", (n) => {
  told.push(n);
  if (n !== Number(last)) return;
  assert.deepEqual(told, Array.from({ length: n + 1 }, (_, it) => it));
  console.log(`told everything with ${connects} connects`);
  socket.disconnect();
});
