// The page's style: a constant, so that no displayed text can become part of it.

extension StatusPage {
    /// The style sheet.
    static let style = """
        :root {
          --paper: #f6f6f3; --sheet: #ffffff; --ink: #1c2126; --quiet: #5b656e; --rule: #e3e3dd;
          --accent: #17706b; --tint: #dcecea; --good: #1f6f47; --warn: #8a5800; --bad: #b3301f;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --paper: #131619; --sheet: #1b1f23; --ink: #e6e8ea; --quiet: #98a2ab; --rule: #2d3339;
            --accent: #56bdb3; --tint: #1f3a39; --good: #5dbd88; --warn: #dcab4a; --bad: #f0776a;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--paper); color: var(--ink);
          font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans",
          sans-serif;
          font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
        }
        main { max-width: 1120px; margin: 0 auto; padding: 28px 24px 40px; }
        h1, h2, h3, p, dl, dd, ul { margin: 0; padding: 0; }
        ul { list-style: none; }
        code, .server { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas,
          monospace; }
        code { font-size: 13px; }
        header { display: flex; justify-content: space-between; align-items: flex-start; gap: 16px; }
        h1 { font-size: 22px; font-weight: 650; letter-spacing: -0.01em; display: flex; align-items: center; }
        .mark { width: 28px; height: 28px; margin-right: 9px; fill: none; stroke: var(--accent);
          stroke-width: 1.8; stroke-linecap: round; }
        .facts { color: var(--quiet); margin-top: 2px; }
        .pill { display: inline-flex; align-items: center; gap: 8px; padding: 5px 13px 5px 11px;
          border-radius: 99px; border: 1px solid currentColor; font-weight: 600; font-size: 14px;
          white-space: nowrap; }
        .dot { width: 9px; height: 9px; border-radius: 50%; background: currentColor; flex: none; }
        .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
        .troubles { margin-top: 16px; border-left: 3px solid var(--bad); padding: 2px 0 2px 14px; }
        .troubles li { padding: 3px 0; overflow-wrap: anywhere; }
        .troubles small { color: var(--quiet); white-space: nowrap; }
        .remedy { display: grid; grid-template-columns: auto 1fr; gap: 1px 12px; font-size: 13.5px;
          margin: 2px 0 6px; }
        .remedy dt { grid-column: 1; color: var(--quiet); } .remedy dd { grid-column: 2; }
        .tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin: 22px 0 20px;
          background: var(--rule); border: 1px solid var(--rule); border-radius: 9px; overflow: hidden; }
        .tile { background: var(--sheet); padding: 14px 16px 13px; display: flex; flex-direction: column; }
        .tile h2 { font-size: 13px; font-weight: 500; color: var(--quiet); margin: 0; }
        .figure { font-size: 27px; font-weight: 600; letter-spacing: -0.02em; line-height: 1.3; }
        .note { font-size: 12.5px; color: var(--quiet); margin-top: auto; padding-top: 8px; }
        .quantiles { display: flex; gap: 16px; font-size: 13.5px; }
        .quantiles div { display: flex; gap: 6px; }
        .quantiles dt { color: var(--quiet); }
        .spark { width: 100%; height: 30px; display: block; }
        .spark polyline { fill: none; stroke: var(--accent); stroke-width: 1.5;
          vector-effect: non-scaling-stroke; stroke-linejoin: round; }
        .spark polygon { fill: var(--tint); }
        .bar { width: 100%; height: 5px; display: block; border-radius: 3px; margin-top: 4px; }
        .bar .track { fill: var(--rule); }
        .bar .accent { fill: var(--accent); } .bar .warn { fill: var(--warn); }
        .bar .bad { fill: var(--bad); }
        section { background: var(--sheet); border: 1px solid var(--rule); border-radius: 9px;
          padding: 16px 18px 18px; margin-bottom: 20px; }
        h2 { font-size: 15px; font-weight: 650; margin-bottom: 14px; }
        section h3 { font-size: 13px; font-weight: 600; color: var(--quiet); margin: 18px 0 8px; }
        .picture { width: 100%; height: auto; display: block; }
        .picture.narrow { display: none; max-width: 420px; }
        .picture rect { fill: var(--sheet); stroke: var(--rule); stroke-width: 1.2; }
        .picture .self rect { fill: var(--tint); stroke: var(--accent); }
        .picture .way rect { fill: var(--paper); stroke-dasharray: 4 3; stroke: var(--quiet); }
        .picture .way.good rect, .picture .way.warn rect, .picture .way.bad rect { stroke-dasharray: none; }
        .picture .place.bad rect, .picture .way.bad rect { stroke: var(--bad); }
        .picture .place.warn rect, .picture .way.warn rect { stroke: var(--warn); }
        .picture .way.good rect { stroke: var(--good); }
        .picture text { fill: var(--ink); font-size: 13px; }
        .picture .title { font-size: 15px; font-weight: 600; }
        .picture .small { font-size: 12.5px; fill: var(--quiet); }
        .picture .server { font-size: 12px; } .picture .way .server { font-family: inherit; font-size: 12.5px; }
        .picture .end { text-anchor: end; }
        .picture circle.good { fill: var(--good); } .picture circle.warn { fill: var(--warn); }
        .picture circle.bad { fill: var(--bad); }
        .picture path { fill: none; stroke: var(--quiet); stroke-width: 1.6; }
        .picture path.dns { stroke: var(--accent); }
        .picture path.dns.warn { stroke: var(--warn); } .picture path.dns.bad { stroke: var(--bad); }
        .picture path.way { stroke-dasharray: 5 4; }
        .picture path.way.good { stroke: var(--good); stroke-dasharray: none; }
        .picture path.way.warn { stroke: var(--warn); stroke-dasharray: none; }
        .picture path.way.bad { stroke: var(--bad); stroke-dasharray: none; }
        .picture a { cursor: pointer; } .picture a:hover rect { stroke-width: 2.2; }
        .legend { display: flex; flex-wrap: wrap; align-items: center; gap: 4px; color: var(--quiet);
          font-size: 12.5px; margin-top: 16px; }
        .legend > span { display: inline-flex; align-items: center; gap: 7px; margin-right: 12px; }
        .key { width: 20px; border-top: 2px solid var(--accent); }
        .key.way { border-top: 2px dashed var(--quiet); }
        .key.dot { width: 9px; height: 9px; border: 0; }
        .servers { width: 100%; border-collapse: collapse; font-size: 14px; }
        .servers thead th { font-size: 12.5px; font-weight: 500; color: var(--quiet); text-align: left;
          padding: 0 10px 6px 0; white-space: nowrap; }
        .servers td, .servers tbody th { padding: 6px 10px 6px 0; text-align: left; vertical-align: top;
          border-top: 1px solid var(--rule); font-weight: 400; }
        .servers tbody th { font-weight: 600; }
        .servers tbody tr:not(.first) th { border-top-color: transparent; }
        .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        .servers:not(.latest) thead th:nth-child(n + 4):nth-child(-n + 8), .servers td.number {
          text-align: right; white-space: nowrap; }
        .servers thead th:last-child, .servers td:last-child { padding-left: 12px; padding-right: 0; }
        .servers .quiet { color: var(--quiet); }
        .servers .error { font-size: 13px; overflow-wrap: anywhere; }
        .servers td.error:not(.quiet) { color: var(--bad); }
        .latest td:nth-child(n + 2):nth-child(-n + 4) { overflow-wrap: anywhere; }
        .latest .failed td { color: var(--bad); }
        .reasons { margin-top: 10px; }
        .reasons details { border-top: 1px solid var(--rule); padding: 6px 0; font-size: 14px; }
        .reasons summary { cursor: pointer; } .reasons summary .state { margin: 0 4px; }
        .reasons p, .reasons ul { margin: 4px 0 0 22px; } .reasons .remedy { margin-left: 22px; }
        .reasons .quiet { color: var(--quiet); }
        .reasons .state:not(.good):not(.warn):not(.bad) { color: var(--quiet); }
        input { width: 100%; font: inherit; color: inherit; background: var(--paper); padding: 8px 11px;
          border: 1px solid var(--quiet); border-radius: 7px; }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
        .results li { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 8px; padding: 6px 0;
          border-top: 1px solid var(--rule); overflow-wrap: anywhere; }
        .results small { color: var(--quiet); flex: 1 1 14em; }
        .results button { font: inherit; font-size: 13px; color: inherit; background: none; min-height: 28px;
          padding: 2px 10px; border: 1px solid var(--rule); border-radius: 6px; cursor: pointer; }
        #found { margin: 8px 0; min-height: 1.4em; }
        .recent { font-weight: 600; }
        .state { display: inline-flex; align-items: center; gap: 7px; white-space: nowrap; }
        .columns { display: grid; grid-template-columns: repeat(3, 1fr); gap: 20px; align-items: start; }
        .bars > div { display: grid; grid-template-columns: 1fr auto; padding: 4px 0; font-size: 14px; }
        .bars .bar { grid-column: 1 / -1; }
        .list > div { display: flex; justify-content: space-between; gap: 14px; padding: 4px 0;
          font-size: 14px; }
        .list > div + div { border-top: 1px solid var(--rule); }
        .objects li { padding: 2px 0; overflow-wrap: anywhere; }
        .empty { color: var(--quiet); font-size: 14px; }
        .alarm { color: var(--bad); margin-top: 8px; font-size: 14px; }
        footer { color: var(--quiet); font-size: 13px; display: flex; flex-wrap: wrap; gap: 4px 16px; }
        footer span { flex: 1 1 300px; text-align: right; }
        a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
        .lost main { opacity: 0.55; }
        .lost::before { content: "The server does not answer: these numbers are old."; display: block;
          background: var(--bad); color: var(--sheet); text-align: center; padding: 6px; font-weight: 600; }
        @media (max-width: 980px) {
          .tiles { grid-template-columns: 1fr 1fr; }
          .columns { grid-template-columns: 1fr 1fr; }
        }
        @media (max-width: 800px) {
          .picture.wide { display: none; } .picture.narrow { display: block; }
        }
        @media (max-width: 700px) {
          main { padding: 18px 14px 28px; }
          .tiles { grid-template-columns: 1fr 1fr; }
          .tile { padding: 12px 13px; }
          .figure { font-size: 23px; }
          .quantiles { flex-direction: column; gap: 0; }
          .columns { grid-template-columns: minmax(0, 1fr); gap: 0; }
          section { padding: 14px; margin-bottom: 14px; }
          .servers thead { display: none; }
          .servers, .servers tbody { display: block; }
          .servers tr { display: grid; grid-template-columns: repeat(3, 1fr); gap: 6px 10px; padding: 10px 0;
            border-top: 1px solid var(--rule); }
          .servers tr:first-child { border-top: 0; padding-top: 0; }
          .servers td, .servers tbody th, .servers td.number, .servers td:last-child { border: 0; padding: 0;
            text-align: left; }
          .unseen { position: static; width: auto; height: auto; overflow: visible; clip-path: none; }
          .remedy { display: block; }
          .latest td:nth-child(3) { grid-column: 1 / -1; order: -1; }
          .latest td::before { display: none; } .latest tbody tr:nth-child(n + 9) { display: none; }
          .servers td::before { content: attr(data-label); display: block; font-size: 12px;
            color: var(--quiet); }
          .servers tbody th { align-self: end; } .servers td:nth-child(2) { grid-column: span 2; }
          .servers td:last-child { grid-column: 1 / -1; } .servers td:last-child:empty { display: none; }
          footer span { text-align: left; }
        }
        """
}
