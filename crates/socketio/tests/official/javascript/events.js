// Events with and without an answer, both ways, with all that JSON can say.

const assert = require("node:assert/strict");
const { connected, next, story } = require("./story");

const VALUES = [
  0,
  -1.5,
  1e21,
  Number.MAX_SAFE_INTEGER,
  "",
  "plain",
  "é ü 漢字 👩‍👩‍👧‍👦 \u{10FFFF}",
  "\u2028\u2029\u0000\u001e\u007f\"\\/",
  "\ud800 alone",
  true,
  null,
  [],
  {},
  [[[["deep"]]]],
  { "ключ": { "": [1, { "\u2028": null }] } },
  "7:0,/,{}",
  "b4AAAA",
];

story(async () => {
  const ana = await connected("ana");

  assert.deepEqual(await ana.emitWithAck("echo", ...VALUES), VALUES);
  assert.deepEqual(await ana.emitWithAck("echo"), []);
  assert.deepEqual(await ana.emitWithAck("echo", undefined), [null]);
  for (const value of VALUES) {
    assert.deepEqual(await ana.emitWithAck("echo", value), [value]);
  }

  // Without an answer, and what comes back is an event of its own.
  const back = next(ana, "back");
  ana.emit("send back", "one", 2, { three: 3 });
  assert.deepEqual(await back, ["one", 2, { three: 3 }]);

  // Many questions at once: each gets its own answer.
  const questions = Array.from({ length: 200 }, (_, n) => ana.emitWithAck("echo", n));
  assert.deepEqual((await Promise.all(questions)).flat(), questions.map((_, n) => n));

  // The server asks while it handles our event.
  ana.on("question", (number, answer) => answer(number + 1, "more"));
  assert.deepEqual(await ana.emitWithAck("ask me", 41), [42, "more"]);

  // It asks somebody who never answers.
  ana.off("question");
  assert.equal(await ana.emitWithAck("ask me", 0), "the client did not answer within 200ms");

  // Nobody there knows this event, so nobody answers it; we go on.
  await assert.rejects(ana.timeout(50).emitWithAck("unheard of"));
  assert.equal(await ana.emitWithAck("who"), "ana");
});
