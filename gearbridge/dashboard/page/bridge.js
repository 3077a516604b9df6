// The page of a bridge.

import { cell, count, rows, span, text } from "./draw.js";
import { at, countedAgo, showPlace, showState, showStore, watch } from "./watch.js";

const COUNTS = ["waiting", "scheduled", "in_hand", "claimed", "handed_over", "completed", "failed", "retried"];
const LABELS = ["Waiting", "Scheduled", "In hand", "Claimed", "Handed over", "Done", "Failed", "Retried"];

function show({ overview, functions, servers }) {
  showState(overview, overview.state);
  text(at("waiting"), count(overview.waiting));
  text(at("oldest"), span(overview.oldest));
  for (const name of ["later", "ready", "sent"]) text(at(name), count(overview.jobs[name]));
  for (const name of ["handed_over", "completed", "failed"]) text(at(name), count(overview[name]));
  at("failed").classList.toggle("some-failed", overview.failed > 0);
  const how = overview.follow ? "every job is followed to its end" : "jobs are handed over, or followed where a result, retries or a unique key ask for it";
  const standing = overview.state === "standing by" ? ["another bridge or server has the job table"] : [];
  showStore(overview.store, [`Jobs come from ${overview.database}`, ...standing, how, ...countedAgo(overview)]);
  showServers(servers);
  showFunctions(functions);
  document.title = `${overview.not_ready ? "not ready" : overview.state} · gearbridge bridge`;
}

function serverRow() {
  const row = document.createElement("tr");
  row.append(cell("Job server", "", "rowheader"), cell("Link"), cell("Trouble", "error"));
  return row;
}

function showServers({ rows: known }) {
  rows(at("server-rows"), known, (one) => one.server, serverRow, (row, one) => {
    const [name, link, trouble] = row.children;
    text(name, one.server);
    text(link, one.connected ? "connected" : "not connected");
    link.classList.toggle("zero", !one.connected && !one.trouble);
    text(trouble, one.trouble ?? "–");
    trouble.classList.toggle("some-failed", Boolean(one.trouble));
  });
}

function functionRow() {
  const row = document.createElement("tr");
  row.append(cell("Function", "", "rowheader"), ...LABELS.map((label) => cell(label, "number")));
  return row;
}

function showFunctions(functions) {
  rows(at("function-rows"), functions.rows, (one) => one.name, functionRow, (row, one) => {
    const [name, ...cells] = row.children;
    text(name, one.name);
    cells.forEach((element, index) => {
      const figure = one[COUNTS[index]];
      text(element, count(figure));
      element.classList.toggle("zero", figure === 0);
      element.classList.toggle("some-failed", COUNTS[index] === "failed" && figure > 0);
    });
  });
  showPlace(functions, "No job waits, and none was claimed yet.");
}

watch(show);
