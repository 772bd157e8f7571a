// Where one is on the page, as the part of its address behind `#`: the back button works, and an address can be kept.
//
//   #/                      #/timeline/TRACE[?hit=N]        #/hit/TRACE/N[?frame=N]
//   #/wire/TRACE[/SESSION]  #/traces[?a=ID&b=ID]

export type Route =
  | { readonly view: "board" }
  | { readonly view: "timeline"; readonly trace?: string; readonly hit?: number }
  | { readonly view: "hit"; readonly trace: string; readonly hit: number; readonly frame: number }
  | { readonly view: "wire"; readonly trace?: string; readonly session?: string }
  | { readonly view: "traces"; readonly a?: string; readonly b?: string };

/** What cannot be read is the board. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  const [view, first, second] = path.split("/").map(decoded);
  const asked = new Map(
    query.split("&").map((pair) => {
      const equals = pair.indexOf("=");
      return [pair.slice(0, Math.max(equals, 0)), decoded(pair.slice(equals + 1))] as const;
    }),
  );
  const hit = count(asked.get("hit"));
  const trace = first === undefined || first === "" ? {} : { trace: first };
  switch (view) {
    case "timeline":
      return { view, ...trace, ...(hit === undefined ? {} : { hit }) };
    case "hit": {
      const number = count(second);
      if (number === undefined || trace.trace === undefined) return { view: "board" };
      return { view, trace: trace.trace, hit: number, frame: count(asked.get("frame")) ?? 0 };
    }
    case "wire":
      return { view, ...trace, ...(second === undefined || second === "" ? {} : { session: second }) };
    case "traces": {
      const [a, b] = [asked.get("a"), asked.get("b")];
      return { view, ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }) };
    }
    default:
      return { view: "board" };
  }
}

export function formatRoute(route: Route): string {
  const part = encodeURIComponent;
  switch (route.view) {
    case "board":
      return "#/";
    case "timeline": {
      const at = route.trace === undefined ? "#/timeline" : `#/timeline/${part(route.trace)}`;
      return route.hit === undefined ? at : `${at}?hit=${route.hit}`;
    }
    case "hit":
      return `#/hit/${part(route.trace)}/${route.hit}${route.frame === 0 ? "" : `?frame=${route.frame}`}`;
    case "wire":
      return ["#/wire", route.trace, route.session]
        .filter((x) => x !== undefined)
        .map((x, at) => (at === 0 ? x : part(x)))
        .join("/");
    case "traces": {
      const pairs = [["a", route.a] as const, ["b", route.b] as const].flatMap(([key, id]) =>
        id === undefined ? [] : [`${key}=${part(id)}`],
      );
      return `#/traces${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
    }
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
