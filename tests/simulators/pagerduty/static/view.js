// SPDX-License-Identifier: MIT
// Refreshes the page's content every two seconds and shows times in the reader's own zone.
"use strict";
const content = document.getElementById("content");
const live = document.getElementById("live");
let last = null;

function localTimes() {
  for (const time of content.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.title = at.toISOString();
    time.textContent = at.toLocaleTimeString([], { hour12: false, timeZoneName: "short" });
  }
}

async function refresh() {
  try {
    const answer = await fetch(location.pathname + "?part=1", { cache: "no-store" });
    const text = await answer.text();
    live.textContent = "live";
    if (text !== last) {
      const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 80;
      content.innerHTML = text;
      localTimes();
      if (last !== null && atEnd) window.scrollTo(0, document.body.scrollHeight);
      last = text;
    }
  } catch {
    live.textContent = "no answer from the simulator";
  }
}

localTimes();
refresh();
setInterval(refresh, 2000);
