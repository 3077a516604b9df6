// What every page does: asks for all it shows every two seconds, while it is looked at, and finds and turns its functions.

import { count, perSecond, size, span, text } from "./draw.js";

const PAUSE = 2000;
const LIMIT = 50;
export const at = (id) => document.getElementById(id);
const asked = { search: "", offset: 0 };
let show = () => {};
let paused = false;
let timer = 0;
let turn = 0; // of several answers under way only that of the last question is shown

/** Show the page with what `how` makes of each answer, for ever. */
export function watch(how) {
  show = how;
  at("find").addEventListener("submit", (event) => event.preventDefault());
  at("search").addEventListener("input", (event) => ask({ search: event.target.value }));
  at("previous").addEventListener("click", () => ask({ offset: Math.max(0, asked.offset - LIMIT) }));
  at("next").addEventListener("click", () => ask({ offset: asked.offset + LIMIT }));
  at("pause").addEventListener("click", () => {
    paused = !paused;
    at("pause").setAttribute("aria-pressed", String(paused));
    look();
  });
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
}

/** Ask for something else, from its first page on unless told. */
export function ask(change) {
  Object.assign(asked, { offset: 0 }, change);
  look();
}

export async function look() {
  clearTimeout(timer);
  const mine = ++turn;
  try {
    const query = new URLSearchParams({ ...asked, limit: LIMIT });
    const answer = await fetch(`api/dashboard?${query}`);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const board = await answer.json();
    if (mine === turn) show(board);
  } catch (error) {
    if (mine === turn) say(`no answer: ${error.message}`, "bad");
  }
  if (mine === turn && !paused && !document.hidden) timer = setTimeout(look, PAUSE);
}

function say(what, how) {
  text(at("state"), what);
  at("state").className = `state ${how}`;
}

/** The head: whether all is well, in `state` where it is, and what answers. */
export function showState({ not_ready: wrong, kind, version, up }, state) {
  say(wrong ?? state, wrong ? "bad" : "good");
  text(at("about"), `${kind} ${version}, up ${span(up)}`);
}

/** What is to be known of figures of the job table that are old. */
export function countedAgo({ counted }) {
  return counted > 10 ? [`changes of the last ${span(counted)} by other programs may be missing in what waits in the job table`] : [];
}

/** The line below the figures: `parts`, and how the store is. */
export function showStore(store, parts) {
  if (store?.trouble) parts.push(`which ${store.full ? "is full" : "cannot be reached"}: ${store.trouble}`);
  else if (store?.groups) {
    parts.push(`${count(store.groups)} commits, of ${perSecond(store.mean_group)} operations and ${span(store.mean_seconds)} on average`);
  }
  if (store?.waiting_bytes) parts.push(`${size(store.waiting_bytes)} wait for their commit`);
  if (store?.unwritten_ends) parts.push(`${count(store.unwritten_ends)} ends of jobs not written yet`);
  text(at("store"), `${parts.join("; ")}.`);
  at("store").classList.toggle("warning", Boolean(store?.trouble));
}

/** Which of the functions are shown; `none` is said where there is none at all. */
export function showPlace({ rows: found, matching, total, offset }, none) {
  at("no-functions").hidden = matching > 0;
  text(at("no-functions"), total ? "No function has this in its name." : none);
  const last = offset + found.length;
  text(at("place"), matching ? `${count(offset + 1)} to ${count(last)} of ${count(matching)}` : "");
  at("previous").disabled = offset === 0;
  at("next").disabled = last >= matching;
  at("previous").parentElement.hidden = matching <= LIMIT && offset === 0;
}
