// Bytes, wherever they are in the arguments, both ways.

const assert = require("node:assert/strict");
const { ask, connected, next, story } = require("./story");

const bytes = (length) => Buffer.from(Array.from({ length }, (_, n) => (n * 7) % 256));

story(async () => {
  const ana = await connected("ana");

  const [text, ...attachments] = await ask(ana, "bytes", "a", bytes(5), { b: [bytes(300), "c"] });
  assert.equal(text, '["a",{"_placeholder":true,"num":0},{"b":[{"_placeholder":true,"num":1},"c"]}]');
  assert.deepEqual(attachments, [bytes(5), bytes(300)]);

  // Typed arrays, an empty one, and one of which every byte could be taken for something else.
  for (const data of [new Uint8Array([1, 2, 3]), Buffer.alloc(0), Buffer.from("\x1e4\x1eb"), bytes(70_000)]) {
    const [, back] = await ask(ana, "bytes", data);
    assert.deepEqual(new Uint8Array(back), new Uint8Array(data));
  }

  // Without an answer; texts before and after keep their places.
  const seen = [];
  ana.onAny((event, data) => seen.push([event, Buffer.isBuffer(data) ? data.toString("hex") : data]));
  const last = next(ana, "after");
  ana.emit("bytes between", Buffer.from([0xde, 0xad]));
  await last;
  assert.deepEqual(seen, [["before", 1], ["between", "dead"], ["after", 2]]);

  // The server asks, and the answer has bytes.
  ana.on("question", (_, answer) => answer({ nested: bytes(9) }));
  const [answer, blob] = await ask(ana, "ask for bytes");
  assert.equal(answer, '[{"nested":{"_placeholder":true,"num":0}}]');
  assert.deepEqual(blob, bytes(9));

  // As many attachments as are allowed; one more, and the connection ends.
  const ten = Array.from({ length: 10 }, (_, n) => bytes(n));
  assert.deepEqual((await ask(ana, "bytes", ...ten)).slice(1), ten);
  const gone = next(ana, "disconnect");
  ana.emit("bytes", ...ten, bytes(10));
  await gone;
  await next(ana, "connect");
  assert.equal(await ana.emitWithAck("who"), "ana");
});
