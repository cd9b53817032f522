import { type BadInput, describeBadInput, inHttp } from "./bad-input.ts"

/** A block of one line. */
function inBlock(head: string, line: string, error: string, more: Partial<BadInput> = {}): BadInput {
  return {
    name: `${head.split(" ")[0]}: ${line}`,
    config: inHttp(`${head} {\n${line} #!\n}`),
    error,
    ...more,
  }
}

function heads(name: string, good: string): BadInput[] {
  const arity = `invalid number of arguments in "${name}" directive`
  return [
    {
      name: `${name} without a block`,
      config: inHttp(`${name} $uri $x; #!`),
      error: `directive "${name}" has no opening "{"`,
    },
    { name: `${name} without a name`, config: inHttp(`${name} { #!\n}`), error: arity },
    { name: `${name} with three words`, config: inHttp(`${name} $uri $x y { #!\n}`), error: arity },
    {
      name: `${name} at another place`,
      config: `${name} $uri $x { #!\n}\nevents {}\n`,
      error: `"${name}" directive is not allowed here`,
    },
    {
      name: `${name} of a name without a dollar`,
      config: inHttp(`${name} $uri x { #!\n}`),
      error: 'invalid variable name "x"',
    },
    {
      name: `${name} of nginx's own variable`,
      config: inHttp(`${name} $uri $Host { #!\n}`),
      error: 'the duplicate "Host" variable',
    },
    {
      name: `${name} with a block inside`,
      config: inHttp(`${name} $uri $x {\na { #!\n}\n}`),
      error: 'unexpected "{"',
    },
    {
      name: `${name} that does not end`,
      config: inHttp(`${name} $uri $x {\n${good}\n`).replace(/\n\}\n$/, "\n#!"),
      error: 'unexpected end of file, expecting "}"',
    },
  ]
}

describeBadInput("map", [
  ...heads("map", "a b;"),
  {
    name: "map with an empty name",
    config: inHttp("map $uri $ { #!\n}"),
    error: 'invalid variable name "$"',
  },
  { name: "map of a bad key", config: inHttp("map a$ $x { #!\n}"), error: "invalid variable name" },
  {
    name: "map of a key with an open bracket",
    config: inHttp('map "${uri" $x { #!\n}'),
    error: 'the closing bracket in "uri" variable is missing',
  },
  {
    name: "map of an unknown variable",
    config: inHttp("map $nope $x { #!\n}"),
    error: 'unknown "nope" variable',
    nginx: { error: 'unknown "nope" variable', why: "it names no line" },
  },
  {
    name: "map to an unknown variable",
    config: inHttp("map $uri $x {\na $nope; #!\n}"),
    error: 'unknown "nope" variable',
    nginx: { error: 'unknown "nope" variable', why: "it names no line" },
  },
  ...["a;", "a b c;", "default;", "include;", "hostnames volatile x;"].map((line) =>
    inBlock("map $uri $x", line, "invalid number of the map parameters"),
  ),
  inBlock("map $uri $x", "default a;default b;", "duplicate default map parameter"),
  inBlock("map $uri $x", "A b; a c;", 'conflicting parameter "a"'),
  inBlock("map $uri $x", "a b; \\a c;", 'conflicting parameter "a"'),
  inBlock("map $uri $x", "hostnames; .A.test b; a.test c;", 'conflicting parameter "a.test"'),
  inBlock("map $uri $x", "hostnames; a.test b; .a.test c;", 'conflicting parameter ".a.test"'),
  inBlock("map $uri $x", "hostnames; *.a.test b; .a.test c;", 'conflicting parameter ".a.test"'),
  inBlock("map $uri $x", "hostnames; .a.test b; *.A.test c;", 'conflicting parameter "*.a.test"'),
  inBlock("map $uri $x", "hostnames; a.* b; A.* c;", 'conflicting parameter "a.*"'),
  ...["*", "a*", "*a.test", "a.*.test", "*.a.*", "a..test", "*.", "**"].map((key) =>
    inBlock("map $uri $x", `hostnames; ${key} b;`, `invalid hostname or wildcard "${key}"`),
  ),
  inBlock("map $uri $x", "a b$;", "invalid variable name"),
  inBlock("map $uri $x", '"~(" b;', "", {
    error: 'pcre2_compile() failed: Unterminated group in "("',
    nginx: { error: null, why: "PCRE has words of its own" },
  }),
  inBlock("map $uri $x", '"~(?<host>.)" b;', 'the duplicate "host" variable'),
  inBlock(
    "map $uri $x",
    "include nothing.map;",
    'open() "{dir}/nothing.map" failed (2: No such file or directory)',
  ),
  {
    name: "a bad line of an included file",
    config: inHttp("map $uri $x {\ninclude lines.map;\n}"),
    files: { "lines.map": "a b;\nc; #!\n" },
    blamed: "lines.map",
    error: "invalid number of the map parameters",
  },
  {
    name: "a file that includes itself",
    config: inHttp("map $uri $x {\ninclude lines.map;\n}"),
    files: { "lines.map": "a b;\ninclude lines.map; #!\n" },
    blamed: "lines.map",
    error: '"{dir}/lines.map" includes itself: {dir}/lines.map -> {dir}/lines.map',
    nginx: { error: null, why: "it opens it until there are too many open files" },
  },
  ...["map_hash_max_size", "map_hash_bucket_size"].flatMap((name) => [
    {
      name: `${name} that is no number`,
      config: inHttp(`${name} x; #!`),
      error: `"${name}" directive invalid number`,
    },
    {
      name: `${name} twice`,
      config: inHttp(`${name} 128;\n${name} 128; #!`),
      error: `"${name}" directive is duplicate`,
    },
    {
      name: `${name} behind a map`,
      config: inHttp(`map $uri $x {\n}\n${name} 128; #!`),
      error: `"${name}" directive is duplicate`,
    },
  ]),
])

const NETWORK = "geo $x"
const RANGES = "geo $x"

describeBadInput("geo", [
  ...heads("geo", "default b;"),
  {
    name: "geo of a source without a dollar",
    config: inHttp("geo uri $x { #!\n}"),
    error: 'invalid variable name "uri"',
  },
  {
    name: "geo with an empty source",
    config: inHttp("geo $ $x { #!\n}"),
    error: 'invalid variable name "$"',
  },
  ...["nope", "1", "a-b"].map((source) => ({
    name: `geo of the unknown variable ${source}`,
    config: inHttp(`geo $${source} $x { #!\n}`),
    error: `unknown "${source}" variable`,
    nginx: { error: `unknown "${source}" variable`, why: "it names no line" },
  })),
  ...["a;", "10.0.0.0/8 b c;", "proxy;", "default;"].map((line) =>
    inBlock(NETWORK, line, "invalid number of the geo parameters"),
  ),
  ...[
    "x",
    "10.0.0",
    "10.0.0.0/33",
    "10.0.0.0/x",
    "10.0.0.0/",
    "256.0.0.1",
    "2001:db8::/129",
    "2001:db8",
    "255.255.255.255/32",
    "localhost",
    "10.0.0.1-10.0.0.2",
  ].map((network) => inBlock(NETWORK, `${network} v;`, `invalid network "${network}"`)),
  inBlock(NETWORK, "delete x;", 'invalid network "x"'),
  inBlock(NETWORK, "proxy x;", 'invalid network "x"'),
  inBlock(
    NETWORK,
    "default a; ranges;",
    'the "ranges" directive must be the first directive inside "geo" block',
  ),
  ...[
    "x",
    "10.0.0.1",
    "10.0.0.2-10.0.0.1",
    "10.0.0.1-x",
    "-10.0.0.1",
    "10.0.0.0/8",
    "::1-::2",
    "10.0.0.0-255.255.255.255",
    "10.0.0.1-10.0.0.2-10.0.0.3",
  ].map((range) => inBlock(RANGES, `ranges; ${range} v;`, `invalid range "${range}"`)),
  inBlock(RANGES, "ranges; delete x;", 'invalid range "x"'),
  inBlock(
    RANGES,
    "ranges; 10.0.0.0-10.0.0.9 a; 10.0.0.5-10.0.0.12 b;",
    'range "10.0.0.5-10.0.0.12" overlaps "10.0.0.0-10.0.0.9"',
  ),
  inBlock(
    RANGES,
    "ranges; 10.0.0.0-10.1.0.9 a; 10.0.5.0-10.2.0.0 b;",
    'range "10.0.5.0-10.2.0.0" overlaps "10.1.0.0-10.1.0.9"',
  ),
  inBlock(
    RANGES,
    "ranges; 10.0.0.5-10.0.0.9 a; 10.0.0.0-10.0.0.20 b;",
    'range "10.0.0.0-10.0.0.20" overlaps "10.0.0.5-10.0.0.9"',
  ),
  inBlock(
    NETWORK,
    "include nothing.geo;",
    'open() "{dir}/nothing.geo" failed (2: No such file or directory)',
  ),
])

describeBadInput("split_clients", [
  ...heads("split_clients", "* b;"),
  {
    name: "split_clients with an empty name",
    config: inHttp("split_clients $uri $ { #!\n}"),
    error: 'invalid variable name "$"',
  },
  ...["50", "%", "0%", "0.00%", ".%", "x%", "1.234%", "-1%", "1e1%", "1..5%", "include", "50%%"].map(
    (share) => inBlock("split_clients $uri $x", `${share} v;`, `invalid percent value "${share}"`),
  ),
  {
    name: "more than the whole",
    config: inHttp("split_clients $uri $x {\n50% a;\n50.01% b;\n} #!"),
    error: "percent total is greater than 100%",
  },
  {
    name: "more behind what is left",
    config: inHttp("split_clients $uri $x {\n* a;\n1% b;\n} #!"),
    error: "percent total is greater than 100%",
  },
  inBlock("split_clients $uri $x", "50%;", "invalid number of the split_clients parameters", {
    nginx: { error: null, why: "it takes what lies in memory behind the word" },
  }),
])
