// On Tiled's page: runs by title, newest first, where Tiled itself lists them by uid.
(function () {
  const { createElement: h, useEffect, useState } = window.React;
  const SHOWN = 30;
  const WANTED =
    "{time:start.time,title:start.title,problem:start.problem.title,plan:start.plan_name," +
    "simulated:start.simulated,events:stop.num_events.primary,status:stop.exit_status," +
    "reason:stop.reason}";

  // Others may have put anything there, and React shows no tables.
  function text(value) {
    if (value === null || value === undefined) return "";
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  async function listed(segments, page) {
    const where = segments.map(encodeURIComponent).join("/");
    const asked = new URLSearchParams({
      fields: "metadata",
      select_metadata: WANTED,
      sort: "-start.time",
      "page[limit]": SHOWN,
      "page[offset]": page * SHOWN,
    });
    const token = window.__TILED_ACCESS_TOKEN__;
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(`/api/v1/search/${where}?${asked}`, { headers });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return answer.json();
  }

  function row(segments, item) {
    const run = item.attributes.metadata.selected || {};
    const path = ["/ui/browse", ...segments, item.id].join("/");
    const rig = { true: "simulated", false: "REAL" }[String(run.simulated)] || "";
    const cells = [
      run.time ? new Date(run.time * 1000).toLocaleString() : "",
      h("a", { href: path }, text(run.title) || text(run.problem) || text(run.plan) || item.id.slice(0, 8)),
      text(run.plan),
      rig,
      text(run.events),
      run.status ? text(run.reason) || text(run.status) : "not ended",
      item.id.slice(0, 8),
    ];
    const style = { padding: "4px 12px 4px 0", textAlign: "left", verticalAlign: "top" };
    return h("tr", { key: item.id }, cells.map((cell, n) => h("td", { key: n, style }, cell)));
  }

  function Runs({ segments }) {
    const [page, turn] = useState(0);
    const [found, show] = useState(null);
    useEffect(() => {
      let wanted = true;
      listed(segments, page).then(
        (answer) => wanted && show(answer),
        (error) => wanted && show({ error })
      );
      return () => { wanted = false; };
    }, [segments, page]);
    if (!found) return h("p", null, "...");
    if (found.error) return h("p", null, `The runs cannot be listed: ${found.error.message}.`);
    const count = found.meta.count;
    const head = ["begun", "title", "plan", "rig", "experiments", "ended", "uid"];
    const style = { padding: "4px 12px 4px 0", textAlign: "left" };
    const go = (by) => ({ onClick: () => turn(page + by), style: { marginRight: 8 } });
    return h("div", null,
      h("h2", null, `${count} run${count === 1 ? "" : "s"}`),
      h("table", { style: { borderCollapse: "collapse" } },
        h("thead", null, h("tr", null, head.map((name) => h("th", { key: name, style }, name)))),
        h("tbody", null, found.data.map((item) => row(segments, item)))),
      page > 0 && h("button", go(-1), "newer"),
      (page + 1) * SHOWN < count && h("button", go(1), "older"));
  }

  window.__TILED_SPEC_VIEWS__ = window.__TILED_SPEC_VIEWS__ || {};
  window.__TILED_SPEC_VIEWS__.CatalogOfBlueskyRuns = Runs;
})();
