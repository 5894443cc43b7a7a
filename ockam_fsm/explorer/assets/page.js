"use strict";

/* The page walks a graph of states. What a state, a step or a property is was decided when the graph was made
   (ockam_fsm/explorer/graph.py, where its shape is described); nothing here knows what a session is. */

const OUTSIDE = -1;
const STATUS = {
  "+": ["holds", "good"],
  "!": ["violated here", "bad"],
  "w": ["shown here", "good"],
  "g": ["goal reached", "good"],
  "o": ["goal not reached yet", "open"],
  "-": ["not shown here", "pale"],
  ".": ["does not apply here", "pale"],
  " ": ["judges steps; none here", "pale"],
};
/* Facts of a session that begins or ends, which say nothing. */
const NOTHING = new Set(["none", "0", "no"].flatMap((word) => [`-${word}`, `${word}-`]));
const VERDICT_CLASS = { HOLDS: "good", PROVED: "good", REFUTED: "bad", MISSING: "bad", UNDETERMINED: "open" };

// Building elements ---------------------------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children.filter(Boolean));
}

function table(headings, rows) {
  const head = element("tr", {}, ...headings.map((heading) => element("th", { scope: "col" }, heading)));
  const body = rows.map((cells) => element("tr", {},
    ...cells.map((cell, at) => element("td", { "data-heading": headings[at] }, cell))));
  return element("div", { class: "wide facts" },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function listed(items) {
  return element("ul", {}, ...items.map((item) => element("li", {}, item)));
}

// The graph -----------------------------------------------------------------------------------------------------------

class Graph {
  constructor(part) {
    this.part = part;
    this.count = part.actors.length;
  }

  ends(state) {
    return this.part.actors.map((actor, at) => ({
      name: actor.name, table: actor.table, ...actor.locals[this.part.states[state][at]],
    }));
  }

  flying(state) {
    const network = this.part.networks[this.part.states[state][this.count]];
    return network.map((number) => ({ number, ...this.part.messages[number] }));
  }

  rest(state) { return this.part.rests[this.part.states[state][this.count + 1]]; }

  status(state) { return this.part.states[state][this.count + 2]; }

  steps(state) {
    const flat = this.part.steps[state];
    const found = [];
    for (let at = 0; at < flat.length; at += 2) {
      const move = this.part.moves[flat[at]];
      found.push({ position: at / 2, move, row: this.part.rows[move.row] || null, successor: flat[at + 1] });
    }
    return found;
  }

  /* The states along a path, as far as this graph has them. */
  walk(path) {
    const states = [0];
    for (const position of path) {
      const step = this.steps(states[states.length - 1])[position];
      if (step === undefined) throw new Error(`Action ${position} of the path is not possible there.`);
      if (step.successor === OUTSIDE) break;
      states.push(step.successor);
    }
    return states;
  }

  /* The shortest path from the start to a state that passes the test, or null. */
  shortest(test) {
    const cameFrom = new Map([[0, null]]);
    const queue = [0];
    for (let next = 0; next < queue.length; next += 1) {
      if (test(queue[next])) return this.unwound(cameFrom, queue[next]);
      for (const step of this.steps(queue[next])) {
        if (step.successor === OUTSIDE || cameFrom.has(step.successor)) continue;
        cameFrom.set(step.successor, [queue[next], step.position]);
        queue.push(step.successor);
      }
    }
    return null;
  }

  unwound(cameFrom, state) {
    const path = [];
    for (let at = cameFrom.get(state); at !== null; at = cameFrom.get(at[0])) path.unshift(at[1]);
    return path;
  }
}

/* Where states come from: the graph in the page and, if the page is served, its server for paths that leave it. */
class Source {
  constructor(content) {
    this.whole = new Graph(content.graph);
    this.served = content.served;
    this.last = null;
  }

  async walk(path) {
    const states = this.whole.walk(path);
    if (states.length > path.length || !this.served) return { graph: this.whole, states };
    const text = path.join("/");
    if (this.last === null || this.last.text !== text) this.last = { text, graph: await this.fetched(text) };
    return { graph: this.last.graph, states: this.last.graph.walk(path) };
  }

  async fetched(text) {
    const answer = await fetch(`graph?path=${text}`);
    if (!answer.ok) throw new Error(await answer.text());
    return new Graph(await answer.json());
  }
}

// The place in the address: #0/2/1 or, with a part of the path still ahead, #0/2/1@2 ----------------------------------

function placeOf(hash, otherwise) {
  const found = /^#([\d/]*)(?:@(\d+))?$/.exec(hash);
  const text = found && hash.length > 1 ? found[1] : otherwise;
  const path = text.split("/").filter((part) => part !== "").map(Number);
  const at = found && found[2] !== undefined ? Math.min(Number(found[2]), path.length) : path.length;
  return { path, at };
}

function hashOf({ path, at }) {
  const text = path.join("/");
  return at < path.length || path.length === 0 ? `#${text}@${at}` : `#${text}`;
}

// The page ------------------------------------------------------------------------------------------------------------

class Page {
  constructor(content) {
    this.content = content;
    this.source = new Source(content);
  }

  async show() {
    const hash = location.hash;
    const place = placeOf(hash, this.content.path);
    try {
      const { graph, states } = await this.source.walk(place.path);
      if (hash !== location.hash) return;  // a later step has been taken meanwhile
      const at = Math.min(place.at, states.length - 1);
      this.at = { ...place, at, graph, states, state: states[at] };
    } catch (error) {
      this.failed(error);
      return;
    }
    this.render();
    document.body.dataset.shown = hash;
  }

  failed(error) {
    fill("banner", element("div", { class: "banner", role: "alert" }, `${error.message} `,
      element("button", { onclick: () => this.go([], 0) }, "Go to the start")));
  }

  go(path, at = path.length) {
    const hash = hashOf({ path, at });
    if (hash === location.hash) this.show();
    else location.hash = hash;
  }

  take(step) {
    const { path, at } = this.at;
    if (this.isClosed(step)) {
      fill("news", "This step leads out of the part of the world that is in this file. "
        + `To go on, run: ${this.exploreCommand()}`);
      return;
    }
    const isNext = path[at] === step.position;
    this.go(isNext ? path : [...path.slice(0, at), step.position], at + 1);
  }

  isClosed(step) { return step.successor === OUTSIDE && !this.content.served; }

  exploreCommand() {
    const [before, after] = this.content.command;
    return `${before.replace(" replay ", " explore ")}${after}`;
  }

  /* The step that led to the place `at` of the path, or null at the start. */
  stepTo(at) {
    if (at === 0) return null;
    const { graph, states, path } = this.at;
    return graph.steps(states[at - 1])[path[at - 1]];
  }

  /* The ids of the properties that are violated by a step or in the state after it. */
  violatedAt(at) {
    const { graph, states } = this.at;
    const step = this.stepTo(at);
    const seen = [graph.status(states[at]), step && step.row ? step.row.status : ""];
    return this.content.properties.filter((_, number) => seen.some((text) => text[number] === "!"))
      .map((one) => one.id);
  }

  render() {
    const hadFocus = document.activeElement !== document.body;
    const parts = [this.header, this.banner, this.trail, this.present, this.happened, this.pictures, this.cells,
      this.properties, this.compare, this.goTo, this.share];
    for (const part of parts) part.call(this);
    if (hadFocus && document.activeElement === document.body) {
      document.getElementById("now").focus({ preventScroll: true });
    }
    this.announce();
  }

  announce() {
    const step = this.stepTo(this.at.at);
    const ends = this.at.graph.ends(this.at.state).map((end) => `${end.name}: ${end.label}`).join("; ");
    fill("news", `${step ? `${this.at.at}. ${step.move.label}.` : "The start."} ${ends}.`);
  }

  // The head of the page

  header() {
    const { world, search, graph } = this.content;
    const bounds = Object.entries(world.bounds).map(([name, limit]) => `${name} ${limit}`).join(", ");
    const whole = graph.complete
      ? `The whole world is in this page: ${graph.states.length} states.`
      : `${graph.states.length} states are in this page, those nearest to ${this.content.path ? "the counterexample" : "the start"}. `
        + (this.content.served ? "Others are computed by the server." : "Steps to others are shown, and not walked.");
    const searched = search.verdict === "REFUTED" ? `after a search of ${search.states} states` : `within ${search.states} states`;
    const stopped = search.stopped ? `; the search was stopped by ${search.stopped} (ockam-fsm check has no such limit)` : "";
    fill("header",
      element("h1", {}, world.name),
      world.description ? element("p", {}, world.description) : null,
      element("p", {}, element("span", { class: VERDICT_CLASS[search.verdict] }, search.verdict),
        ` ${searched}${stopped}. ${whole}`),
      world.normalised ? element("p", { class: "pale" }, "In this world generations are numbered anew after a step, "
        + "so that it is finite without a bound on renegotiations.") : null,
      element("details", {}, element("summary", {}, "Bounds of this world"), element("p", { class: "pale" }, bounds)));
  }

  banner() {
    const { rejected_by: id, because, properties } = this.content;
    if (!id) { fill("banner"); return; }
    const one = properties.find((property) => property.id === id);
    const steps = one && one.path !== null ? one.path.split("/").filter(Boolean) : null;
    const link = steps
      ? element("button", { onclick: () => this.go(steps.map(Number)) }, `Go to the counterexample: ${steps.length} steps`)
      : "There is no trace: the search did not find what had to be there.";
    fill("banner", element("div", { class: "banner" },
      element("p", {}, "A known-bad machine, wrong on purpose. ", because),
      element("p", {}, element("span", { class: "bad" }, `${id} ${one ? one.verdict : ""}`), `: ${one ? one.sentence : ""}`),
      link));
  }

  trail() {
    const { path, at, states } = this.at;
    const items = [this.mark(0, "Start")];
    for (let place = 1; place < states.length; place += 1) items.push(this.mark(place, this.stepTo(place).move.label));
    const cut = states.length <= path.length
      ? element("p", { class: "open" }, "The rest of this path is outside of the part of the world that is in this file.") : null;
    fill("trail",
      element("div", { class: "buttons" },
        element("button", { id: "back", disabled: at === 0, onclick: () => this.go(path, at - 1) }, "← Step back"),
        element("button", { id: "forward", disabled: at >= states.length - 1, onclick: () => this.go(path, at + 1) }, "Step forward →")),
      element("ol", {}, ...items), cut);
    const current = document.querySelector("#trail [aria-current=step]");
    current.parentElement.parentElement.scrollTop = current.offsetTop - 200;
  }

  mark(place, label) {
    const violated = this.violatedAt(place);
    const before = place > 0 ? this.violatedAt(place - 1) : [];
    const fresh = violated.filter((id) => !before.includes(id));
    const kinds = [fresh.length ? "violates" : "", place > this.at.at ? "later" : ""].join(" ");
    return element("li", { class: kinds },
      element("button", {
        onclick: () => this.go(this.at.path, place), "aria-current": place === this.at.at ? "step" : false,
      }, place ? `${place}. ${label}` : label,
      fresh.length ? element("span", { class: "bad" }, ` violates ${fresh.join(", ")}`) : null));
  }

  // The present state

  present() {
    const { graph, state } = this.at;
    const steps = graph.steps(state);
    const ends = graph.ends(state).map((end, actor) => this.end(end, actor, steps));
    const middle = ends.length > 1 ? 1 : ends.length;
    ends.splice(middle, 0, this.network(steps));
    fill("state", ...ends);
  }

  end(end, actor, steps) {
    const own = steps.filter((step) => step.move.actor === actor && step.move.message === OUTSIDE);
    const timers = own.filter((step) => step.move.action === "fire");
    const groups = [
      ["Timers", end.timers.length ? this.timers(end, timers) : "none is armed"],
      ["Orders and messages from outside", this.buttons(own.filter((step) => step.move.action === "order"))],
      ["Faults", this.buttons(own.filter((step) => step.move.action === "fault"))],
    ];
    const filled = groups.filter(([, content]) => content !== null);
    return element("section", { class: "card", "aria-label": `${end.name} now` },
      element("h3", {}, end.name), element("p", { class: "label" }, end.label),
      ...filled.flatMap(([title, content]) => [element("h4", {}, title), element("div", {}, content)]));
  }

  timers(end, steps) {
    const shown = end.timers.filter((timer) => !steps.some((step) => step.move.label.includes(`timer ${timer} fires`)));
    return element("div", {}, this.buttons(steps), shown.length ? `armed: ${shown.join(", ")}` : null);
  }

  buttons(steps) {
    return steps.length ? element("div", { class: "buttons" }, ...steps.map((step) => this.button(step))) : null;
  }

  button(step, words = step.move.label.replace(/^[^:]*: /, "")) {
    const rows = this.rowsOf(step);
    const closed = this.isClosed(step);
    return element("button", {
      class: `step ${step.move.kind}`, onclick: () => this.take(step), "aria-disabled": closed ? "true" : false,
      title: closed ? `${step.move.label} (outside of this file)` : step.move.label, "data-position": step.position,
    }, words, rows.length ? element("span", { class: "row-id" }, rows.join(" ")) : null);
  }

  rowsOf(step) {
    if (!step.row) return [];
    const table = this.tableOf(step.move.actor);
    return step.row.fired.map(([, , decision]) => (table && table.decisions[decision]) || null)
      .filter((decision) => decision && decision.kind === "row").map((decision) => decision.id);
  }

  tableOf(actor) {
    const owner = this.at.graph.part.actors[actor];
    return owner ? this.content.tables[owner.table] || null : null;
  }

  network(steps) {
    const { graph, state } = this.at;
    const flying = graph.flying(state);
    const names = graph.part.actors.map((actor) => actor.name);
    const messages = flying.map((message, at) => this.message(message, flying.findIndex((one) => one.number === message.number) === at, steps, names));
    const links = steps.filter((step) => ["cut", "heal"].includes(step.move.action));
    const rest = graph.rest(state);
    const left = Object.entries(rest.left).filter(([, count]) => count > 0).map(([name, count]) => `${name}: ${count}`);
    return element("section", { class: "card", "aria-label": "in flight" },
      element("h3", {}, "In flight"),
      ...(messages.length ? messages : [element("p", { class: "pale" }, "no message")]),
      this.buttons(links),
      rest.cut.length ? element("p", { class: "open" }, `cut: ${rest.cut.map((link) => link.join(" to ")).join(", ")}`) : null,
      left.length ? element("h4", {}, "May still happen") : null,
      left.length ? element("p", { class: "pale" }, left.join(", ")) : null);
  }

  message(message, isFirst, steps, names) {
    const about = isFirst ? steps.filter((step) => step.move.message === message.number) : [];
    const words = { deliver: "deliver", duplicate: "deliver and keep a copy", corrupt: "corrupt", drop: "drop" };
    const isBack = names.indexOf(message.sender) > names.indexOf(message.receiver);
    return element("div", { class: isBack ? "message" : "message down" },
      element("p", {}, element("span", { class: "label" }, message.text), ` ${message.sender} → ${message.receiver}`),
      about.length
        ? element("div", { class: "buttons" }, ...about.map((step) => this.button(step, words[step.move.action])))
        : element("p", { class: "pale" }, isFirst ? "no step is possible" : "not first, or equal to a message above"));
  }

  // The last step

  happened() {
    const { at, graph, states, state } = this.at;
    const step = this.stepTo(at);
    if (step === null) { fill("happened", element("p", { class: "pale" }, "None: this is the start.")); return; }
    const before = states[at - 1];
    const violated = this.violatedAt(at);
    const changes = this.changes(graph.ends(before), graph.ends(state));
    fill("happened", element("div", { class: "card" },
      element("p", { class: "label" }, step.move.label),
      violated.length ? element("p", { class: "bad" }, `violated: ${violated.join(", ")}`) : null,
      ...this.decisions(step, before), ...this.outcome(step, before),
      element("h4", {}, "What changed"),
      changes.length ? table(["end", "what", "before", "after"], changes) : element("p", { class: "pale" }, "nothing at either end")));
  }

  decisions(step, before) {
    if (!step.row) return [element("p", { class: "pale" }, "A step of the network alone: no end handles anything.")];
    const table = this.tableOf(step.move.actor);
    if (table === null) return [element("p", { class: "pale" }, "This actor is no end of a session: its table is not shown here.")];
    if (!step.row.fired.length) {
      return [element("p", { class: "pale" }, "No event of the table: the message or the fault is handled before the table, or by the host.")];
    }
    return step.row.fired.map(([state, event, number]) => this.decision(table, state, event,
      number === OUTSIDE ? this.refusal(step, before, state, event) : table.decisions[number]));
  }

  refusal(step, before, state, event) {
    const end = this.at.graph.ends(before)[step.move.actor];
    const session = end.sessions.find((one) => one.state === state);
    return session ? this.decided(end, session, event) : null;
  }

  decided(end, session, event) {
    const table = this.content.tables[end.table];
    const place = Object.keys(table.events).indexOf(event);
    return table.decisions[this.at.graph.part.situations[session.situation][place]];
  }

  decision(table, state, event, decision) {
    const where = `${event} in ${state}`;
    if (!decision) return element("p", {}, `${where}: refused`);
    if (decision.kind !== "row") {
      return element("p", {}, `${where}: `, element("strong", {}, decision.kind === "ignore" ? "ignored" : "refused"),
        `, because ${decision.because}`);
    }
    const effects = decision.effects.map((name) => element("span", {}, element("code", {}, name), ` ${table.effects[name]}`));
    return element("div", {},
      element("p", {}, element("span", { class: "row-id" }, decision.id),
        ` ${where} → ${decision.target}`, guardText(decision.when)),
      effects.length ? listed(effects) : element("p", { class: "pale" }, "no effects"),
      ...this.cited(decision.cites));
  }

  cited(cites) {
    const parts = cites.split(/[;,]/).map((part) => part.trim()).filter(Boolean);
    return parts.map((part) => {
      const clause = this.content.clauses[part];
      if (!clause || !clause.text) return element("p", { class: "pale" }, `source: ${part}`);
      const text = element("div", { class: "clause" });
      text.innerHTML = clause.text;  // markup of this package, from its own specification
      for (const link of text.querySelectorAll("a")) link.replaceWith(link.textContent);
      return element("details", {}, element("summary", {}, `Clause ${part} ${clause.title}`), text);
    });
  }

  outcome(step, before) {
    const { graph, state } = this.at;
    if (!step.row) return [];
    const sent = step.row.sent.map((number) => `sends ${graph.part.messages[number].text} to ${graph.part.messages[number].receiver}`);
    const [old, now] = [before, state].map((one) => (graph.ends(one)[step.move.actor] || { timers: [] }).timers);
    const started = now.filter((timer) => !old.includes(timer)).map((timer) => `starts timer ${timer}`);
    const stopped = old.filter((timer) => !now.includes(timer)).map((timer) => `timer ${timer} is no longer armed`);
    const all = [...sent, ...started, ...stopped, ...step.row.remarks];
    return all.length ? [element("h4", {}, "What it did"), listed(all)] : [];
  }

  changes(before, after) {
    const found = [];
    after.forEach((end, at) => {
      const old = new Map(before[at].details), now = new Map(end.details);
      for (const name of new Set([...old.keys(), ...now.keys()])) {
        const [was, is] = [old.get(name) ?? "-", now.get(name) ?? "-"];
        if (was !== is && !NOTHING.has(was + is)) found.push([end.name, name, was, is]);
      }
      const timers = [before[at], end].map((one) => one.timers.join(", ") || "none");
      if (timers[0] !== timers[1]) found.push([end.name, "timers", ...timers]);
    });
    return found;
  }

  // Pictures

  pictures() {
    const { graph, state } = this.at;
    const shown = graph.ends(state).map((end, actor) => ({ end, actor })).filter(({ end }) => this.content.tables[end.table]);
    document.getElementById("pictures-section").hidden = shown.length === 0;
    fill("pictures", ...shown.map(({ end, actor }) => this.picture(end, actor, graph.steps(state))));
  }

  picture(end, actor, steps) {
    const drawn = element("div", { class: "picture", tabindex: 0, role: "group", "aria-label": `picture of the ${end.name}` });
    drawn.innerHTML = this.content.tables[end.table].picture;  // drawn by this package
    const byRow = new Map();
    for (const step of steps.filter((one) => one.move.actor === actor)) {
      for (const id of this.rowsOf(step)) if (!byRow.has(id)) byRow.set(id, step);
    }
    const states = new Set(end.sessions.map((session) => session.state));
    for (const box of drawn.querySelectorAll("[data-node]")) {
      if (states.has(box.dataset.node)) box.classList.add("lit");
    }
    this.lightRows(drawn, byRow);
    const scroll = document.createElement("div");
    scroll.append(element("h3", {}, end.name), drawn);
    return scroll;
  }

  lightRows(drawn, byRow) {
    for (const line of drawn.querySelectorAll("[data-row]")) {
      const step = byRow.get(line.dataset.row);
      if (step === undefined) continue;
      line.classList.add("takeable");
      for (const [name, value] of [["tabindex", "0"], ["role", "button"], ["aria-label", `${line.dataset.row}: ${step.move.label}`]]) {
        line.setAttribute(name, value);
      }
      line.addEventListener("click", () => this.take(step));
      line.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.take(step); }
      });
      const card = line.closest("[data-node]");
      if (!card.classList.contains("lit")) card.classList.add("possible");
      this.lightArrows(drawn, card.dataset.node);
    }
  }

  lightArrows(drawn, card) {
    for (const arrow of drawn.querySelectorAll("[data-edge]")) {
      const ends = arrow.dataset.edge.split("->");
      if (card.includes(" to ") && ends.includes(card)) arrow.classList.add("possible");
    }
  }

  // Why not

  cells() {
    const { graph, state } = this.at;
    const steps = graph.steps(state);
    const known = graph.ends(state).map((end, actor) => ({ end, actor })).filter(({ end }) => this.content.tables[end.table]);
    document.getElementById("cells-section").hidden = known.length === 0;
    fill("cells", ...known.map(({ end, actor }) => element("div", { class: "card" }, element("h3", {}, end.name),
      ...(end.sessions.length ? end.sessions.map((session) => this.session(end, session, this.eventsNow(actor, steps)))
        : [element("p", { class: "pale" }, "There is no session at this end: only a hello can make one.")]))));
  }

  /* The events that some possible step causes at an end, as "STATE EVENT". */
  eventsNow(actor, steps) {
    const own = steps.filter((step) => step.move.actor === actor && step.row);
    return new Set(own.flatMap((step) => step.row.fired.map(([state, event]) => `${state} ${event}`)));
  }

  session(end, session, now) {
    const table = this.content.tables[end.table];
    const rows = Object.entries(table.events).map(([event, meaning]) => {
      const decision = this.decided(end, session, event);
      return [event, meaning, decision, now.has(`${session.state} ${event}`)];
    });
    const open = this.openCells === true;
    const cells = rows.map(([event, meaning, decision, possible]) => [
      element("span", { title: meaning }, event), possible ? "possible now" : "not now", answer(decision)]);
    const shown = element("details", { open },
      element("summary", {}, `${session.state}: ${rows.length} events, ${rows.filter((row) => row[3]).length} of them possible now`),
      tableOfCells(cells));
    shown.addEventListener("toggle", () => { this.openCells = shown.open; });
    return shown;
  }

  // Properties, targets, links

  properties() {
    const { graph, state, at } = this.at;
    const step = this.stepTo(at);
    const rows = this.content.properties.map((one, number) => {
      const marks = [graph.status(state)[number], step && step.row ? step.row.status[number] : " "];
      const [words, kind] = STATUS[marks.find((mark) => mark !== " ") || " "] || ["judged by the search only", "pale"];
      return [element("strong", {}, one.id), element("span", { class: kind }, words), one.sentence,
        element("span", { class: VERDICT_CLASS[one.verdict] }, one.verdict), this.wayTo(one)];
    });
    fill("properties", element("div", { class: "card" }, table(["id", "here", "claim", "in the search", "trace"], rows)));
  }

  wayTo(one) {
    if (one.path === null) return "";
    const path = one.path.split("/").filter(Boolean).map(Number);
    return element("button", { onclick: () => this.go(path) }, one.verdict === "REFUTED" ? "counterexample" : "witness");
  }

  goTo() {
    if (document.getElementById("target")) return;
    const names = new Map();
    this.source.whole.part.actors.forEach((actor, at) => {
      for (const name of new Set(actor.locals.flatMap((local) => nameOf(local)))) names.set(`${actor.name}: ${name}`, [at, name]);
    });
    const choice = element("select", { id: "target", "aria-label": "a state of an end" },
      ...[...names.keys()].sort().map((name) => element("option", { value: name }, name)));
    fill("goto", element("div", { class: "field" }, "The shortest path from the start to ", choice,
      element("button", { id: "find", onclick: () => this.find(...names.get(choice.value)) }, "Go"),
      element("button", { onclick: () => this.go([], 0) }, "Start again")), this.pathField());
  }

  pathField() {
    const field = element("input", { id: "path", "aria-label": "a path, as ockam-fsm prints it", placeholder: "0/2/1" });
    const go = () => {
      if (/^\d+(\/\d+)*$/.test(field.value.trim())) this.go(field.value.trim().split("/").map(Number));
      else fill("news", "A path is numbers with slashes between, for example 0/2/1.");
    };
    return element("div", { class: "field" }, field, element("button", { onclick: go }, "Go to the path"));
  }

  // Two paths

  compare() {
    const path = this.at.path.slice(0, this.at.at);
    const keep = element("button", { onclick: () => { this.kept = { path, ...this.facts() }; this.compare(); } },
      "Keep this path to compare");
    if (!this.kept) { fill("compare", keep); return; }
    const { path: kept, ends, messages } = this.kept;
    const different = path.findIndex((position, at) => position !== kept[at]);
    const now = this.facts();
    const rows = this.changes(ends, now.ends);
    if (messages !== now.messages) rows.push(["network", "in flight", messages, now.messages]);
    fill("compare", element("div", { class: "card" },
      element("p", {}, `Kept: ${kept.join("/") || "the start"}. The first ${different < 0 ? path.length : different} steps are the same.`),
      rows.length ? table(["end", "what", "kept path", "this path"], rows) : element("p", { class: "pale" }, "Both states are the same."),
      element("div", { class: "buttons" }, element("button", { onclick: () => this.go(kept) }, "Go to the kept path"), keep)));
  }

  facts() {
    const { graph, state } = this.at;
    return { ends: graph.ends(state), messages: graph.flying(state).map((message) => message.text).join(", ") || "none" };
  }

  find(actor, name) {
    const graph = this.source.whole;
    const path = graph.shortest((state) => nameOf(graph.ends(state)[actor]).includes(name));
    if (path === null) fill("news", "No state like this is in this page.");
    else this.go(path);
  }

  share() {
    const [before, after] = this.content.command;
    const path = this.at.path.slice(0, this.at.at).join("/");
    fill("share",
      copyable("Command", `${before}${path ? ` ${path}` : ""}${after}`),
      copyable("Link", location.href.replace(/#.*$/, "") + hashOf({ path: this.at.path.slice(0, this.at.at), at: this.at.at })));
  }
}

// Small helpers -------------------------------------------------------------------------------------------------------

function guardText(when) {
  const parts = when.map((one) => `${one.counter} ${one.at_least ? "≥" : "<"} ${one.threshold}`);
  return parts.length ? ` if ${parts.join(" and ")}` : "";
}

function answer(decision) {
  if (decision.kind === "row") return element("span", {}, element("span", { class: "row-id" }, decision.id), ` → ${decision.target}`);
  const [word, kind] = decision.kind === "ignore" ? ["ignored", "pale"] : ["refused", "open"];
  return element("span", {}, element("span", { class: kind }, word), ` because ${decision.because}`);
}

function tableOfCells(cells) {
  return table(["event", "a step now", "the table's decision"], cells);
}

function nameOf(local) {
  return local.sessions.length ? local.sessions.map((session) => session.state) : [local.label];
}

function copyable(name, text) {
  const field = element("input", { readonly: true, value: text, "aria-label": name });
  const button = element("button", {}, `Copy the ${name.toLowerCase()}`);
  button.addEventListener("click", async () => {
    field.select();
    try { await navigator.clipboard.writeText(text); } catch { document.execCommand("copy"); }
    button.textContent = "Copied";
  });
  return element("div", { class: "field" }, field, button);
}

async function decompressed(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

async function start() {
  const page = new Page(await decompressed(document.getElementById("content").textContent.trim()));
  addEventListener("hashchange", () => page.show());
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, .picture, .wide") || event.altKey || event.ctrlKey || event.metaKey) return;
    const button = { ArrowLeft: "back", ArrowRight: "forward" }[event.key];
    if (button) document.getElementById(button).click();
  });
  await page.show();
}

start();
