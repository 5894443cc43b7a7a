// The protocol of spec/conformance-pipe.md, for an implementation in JavaScript: node adapter.js session.js
// session.js exports makeEnd(start) -> { features, outputs: [], deliver(message, carrier), advance(seconds), order(order) };
// makeEnd may throw Unsupported, order may throw Refused. An output is { kind, ... } as below, or { what: JSON }.
"use strict";
const readline = require("node:readline");
class Unsupported extends Error {}
class Refused extends Error {}

const address = ([type, hex]) => ({ type, value: Buffer.from(hex, "hex") });
const route = (found) => found.map(address);
const written = (found) => found.map(({ type, value }) => [type, value.toString("hex")]);
const message = (found) => ({
  onward: route(found.onward_route), back: route(found.return_route),
  payload: Buffer.from(found.payload, "hex"), tracing: found.tracing_context,
});

const routes = ({ onward, back, payload }) => ({
  onward_route: written(onward), return_route: written(back), payload: payload.toString("hex") });
const OUTPUTS = {
  send: (one) => ({ send: { ...routes(one), tracing_context: one.tracing ?? null } }),
  deliver: (one) => ({ deliver: routes(one) }),
  response: ({ request, payload }) => ({ outcome: "response", request, payload: payload.toString("hex") }),
  deadLetter: ({ payload }) => ({ dead_letter: payload.toString("hex") }),
};
const output = (one) => (OUTPUTS[one.kind] ? OUTPUTS[one.kind](one) : one.what);

function answer(command, state, makeEnd) {
  if (command.start) {
    const start = { ...command.start, contact: command.start.contact && address(command.start.contact),
      outer: command.start.outer && address(command.start.outer), own_route: route(command.start.own_route),
      initialization_route: route(command.start.initialization_route),
      session_id: Buffer.from(command.start.session_id, "hex") };
    try {
      state.end = makeEnd(start);
      return { ready: state.end.features ?? [] };
    } catch (error) {
      if (error instanceof Unsupported) return { unsupported: error.message };
      throw error;
    }
  }
  let refusal = {};
  try {
    if (command.deliver) state.end.deliver(message(command.deliver), command.carrier);
    else if (command.advance !== undefined) state.end.advance(command.advance);
    else state.end.order({ what: command.order, request: command.request, reissue: command.reissue,
      payload: Buffer.from(command.payload, "hex"), onward: route(command.onward_route), tracing: command.tracing_context });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refusal = { refused: error.message };
  }
  return { ...refusal, outputs: state.end.outputs.splice(0).map(output) };
}

module.exports = { Unsupported, Refused };
if (require.main === module) {
  const state = {}, { makeEnd } = require(require("node:path").resolve(process.argv[2]));
  readline.createInterface({ input: process.stdin }).on("line", (line) =>
    process.stdout.write(JSON.stringify(answer(JSON.parse(line), state, makeEnd)) + "\n"));
}
