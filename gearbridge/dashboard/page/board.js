// The page of a job server.

import { cell, count, line, perSecond, rows, span, text } from "./draw.js";
import { ask, at, countedAgo, look, showPlace, showState, showStore, watch } from "./watch.js";

function show({ overview, functions, workers, failures }) {
  showState(overview, "ready");
  for (const name of ["waiting", "running", "completed", "failed", "connections"]) text(at(name), count(overview[name]));
  at("failed").classList.toggle("some-failed", overview.failed > 0);
  const throughput = overview.throughput;
  text(at("rate"), throughput.length ? perSecond(throughput.at(-1)) : "–");
  line(at("rate-line"), throughput);
  const { store } = overview;
  if (store.durable) showStore(store, [`Jobs are kept in ${store.where}`, ...countedAgo(overview)]);
  else text(at("store"), "Jobs are kept in memory only: they end with this server.");
  const lonely = overview.idle_functions;
  at("lonely").hidden = lonely === 0;
  text(at("lonely"), `${count(lonely)} ${lonely === 1 ? "function has" : "functions have"} jobs and no worker.`);
  showFunctions(functions);
  showFailures(failures, overview.at);
  showWorkers(workers);
  document.title = overview.not_ready ? "not ready · gearbridge" : `${count(overview.waiting)} waiting · gearbridge`;
}

function withLine(label) {
  const made = cell(label, "number");
  const drawing = document.createElement("span");
  drawing.className = "line";
  made.append(drawing, document.createElement("span"));
  return made;
}

function functionRow() {
  const row = document.createElement("tr");
  row.append(
    cell("Function", "", "rowheader"),
    withLine("Waiting · 2 min"),
    cell("Oldest", "number"),
    cell("Running", "number"),
    cell("Workers", "number"),
    withLine("Done · 2 min"),
    cell("Failed", "number"),
  );
  return row;
}

function showFunctions(functions) {
  rows(at("function-rows"), functions.rows, (one) => one.name, functionRow, (row, one) => {
    const [name, waiting, oldest, running, workers, done, failed] = row.children;
    const { high, normal, low } = one.queued;
    const all = high + normal + low + one.later;
    text(name, one.name);
    line(waiting.firstChild, one.waiting_points);
    text(waiting.lastChild, count(all));
    waiting.title = `${high} high, ${normal} normal, ${low} low; ${one.later} later or being stored`;
    text(oldest, span(one.oldest));
    text(running, count(one.running));
    text(workers, count(one.workers));
    workers.classList.toggle("nobody", !one.workers && all > 0);
    line(done.firstChild, one.completed_points);
    text(done.lastChild, count(one.completed));
    text(failed, count(one.failed));
    failed.classList.toggle("some-failed", one.failed > 0);
    for (const [element, number] of [[waiting.lastChild, all], [running, one.running], [failed, one.failed]]) {
      element.classList.toggle("zero", number === 0);
    }
  });
  showPlace(functions, "No function is known yet: no job and no worker came.");
}

function failureRow(one) {
  const row = document.createElement("tr");
  const again = cell("", "");
  if (one.repeatable) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Retry" });
    button.setAttribute("aria-label", `Retry ${one.function}, job ${one.handle}`);
    button.addEventListener("click", () => retry(one, button));
    again.append(button);
  } else {
    again.textContent = one.background ? "too large to keep" : "foreground";
    again.className = "zero";
  }
  row.append(cell("Function", "", "rowheader"), cell("Job", "handle"), cell("Error", "error"), cell("Ago", "number"), again);
  return row;
}

function showFailures({ rows: failed }, now) {
  rows(at("failure-rows"), failed, (one) => `${one.handle} ${one.when.toFixed(1)}`, failureRow, (row, one) => {
    const [name, handle, error, ago] = row.children;
    text(name, one.function);
    text(handle, one.handle);
    text(error, one.error);
    text(ago, span(Math.max(1, now - one.when)));
  });
  at("no-failures").hidden = failed.length > 0;
  at("failure-rows").parentElement.hidden = failed.length === 0;
}

async function retry(one, button) {
  button.disabled = true;
  let good = false;
  let what;
  try {
    const answer = await fetch(`api/jobs/${encodeURIComponent(one.handle)}/retry`, { method: "POST" });
    good = answer.ok;
    what = good ? `${one.function} ${one.handle} is in the queue again.` : (await answer.json()).error;
  } catch (error) {
    what = `No answer: ${error.message}`;
  }
  text(at("outcome"), what);
  at("outcome").className = good ? "outcome" : "outcome bad";
  if (!good) button.disabled = false;
  await look();
  // The button is gone with its row: who uses the keyboard goes on from the heading.
  if (!button.isConnected) at("failures").focus();
}

function showWorkers({ rows: working, total }) {
  const make = () => {
    const row = document.createElement("tr");
    row.append(cell("Worker", "", "rowheader"), cell("Address"), cell("State"), cell("Functions", "names"));
    return row;
  };
  rows(at("worker-rows"), working, (one) => `${one.number} ${one.address}`, make, (row, one) => {
    const [name, address, state, functions] = row.children;
    text(name, one.client_id === "-" ? `connection ${one.number}` : one.client_id);
    text(address, one.address);
    text(state, one.running.length ? `runs ${one.running.join(", ")}` : one.asleep ? "waits" : "awake");
    text(functions, one.functions.join(", "));
  });
  at("no-workers").hidden = total > 0;
  at("worker-rows").parentElement.hidden = total === 0;
  at("more-workers").hidden = total <= working.length;
  text(at("more-workers"), `and ${count(total - working.length)} more`);
}

at("failures").tabIndex = -1;
at("sort").addEventListener("change", (event) => ask({ sort: event.target.value }));
watch(show);
