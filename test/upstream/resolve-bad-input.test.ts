import {
  type BadInput,
  describeBadInput,
  inHttp,
  inLocation,
  inServer,
  inUpstream,
} from "../bad-input/bad-input.ts"

const NEWER = { error: null, why: "Debian's nginx does not have it yet" }

/** A `resolver` that is refused. */
function resolver(args: string, error: string, nginx?: BadInput["nginx"]): BadInput {
  return { name: `resolver ${args}`, config: inHttp(`resolver ${args}; #!`), error, nginx }
}

describeBadInput("resolver", [
  resolver("127.0.0.1 valid=1x", "invalid parameter: valid=1x"),
  resolver("127.0.0.1 valid=500ms", "invalid parameter: valid=500ms"),
  resolver("127.0.0.1 valid=", "invalid parameter: valid="),
  resolver("127.0.0.1 ipv6=no", "invalid parameter: ipv6=no"),
  resolver("127.0.0.1 ipv6=ON", "invalid parameter: ipv6=ON"),
  resolver("127.0.0.1 ipv4=no", "invalid parameter: ipv4=no", NEWER),
  resolver("127.0.0.1 ipv4=off ipv6=off", '"ipv4" and "ipv6" cannot both be "off"', NEWER),
  resolver("valid=10s", "no name servers defined"),
  resolver("ipv6=off", "no name servers defined"),
  resolver("127.0.0.1 status_zone=", "invalid parameter: status_zone=", NEWER),
  resolver("127.0.0.1:x", 'invalid port in resolver "127.0.0.1:x"'),
  resolver("127.0.0.1:0", 'invalid port in resolver "127.0.0.1:0"'),
  resolver("127.0.0.1:65536", 'invalid port in resolver "127.0.0.1:65536"'),
  resolver("[::1", 'invalid host in resolver "[::1"'),
  resolver("[::x]", 'invalid IPv6 address in resolver "[::x]"'),
  resolver(":53", 'no host in resolver ":53"'),
  resolver("127.0.0.1/x", 'invalid host in resolver "127.0.0.1/x"'),
  resolver('""', 'no host in resolver ""'),
  resolver("none.invalid", 'host not found in resolver "none.invalid"'),
  resolver("none.invalid:5353", 'host not found in resolver "none.invalid:5353"'),
  {
    name: "no arguments",
    config: inServer("resolver; #!"),
    error: 'invalid number of arguments in "resolver" directive',
  },
  {
    name: "twice",
    config: inLocation("resolver 127.0.0.1;\nresolver 127.0.0.2; #!"),
    error: '"resolver" directive is duplicate',
  },
  {
    name: "in the main context",
    config: "resolver 127.0.0.1; #!\nevents {}",
    error: '"resolver" directive is not allowed here',
  },
  {
    name: "a time that is none",
    config: inHttp("resolver_timeout soon; #!"),
    error: '"resolver_timeout" directive invalid value',
  },
  {
    name: "two times",
    config: inHttp("resolver_timeout 1s 2s; #!"),
    error: 'invalid number of arguments in "resolver_timeout" directive',
  },
])

/** A `server` line of a group that has a zone and a resolver. */
function server(args: string, error: string): BadInput {
  return {
    name: `server ${args}`,
    config: inUpstream(`zone backend 64k;\nresolver 127.0.0.1;\nserver ${args}; #!`),
    error,
    nginx: NEWER,
  }
}

describeBadInput("resolve", [
  server("app.test service=http", 'service upstream "app.test" requires "resolve" parameter'),
  server("app.test: service=http", 'service upstream "app.test:" requires "resolve" parameter'),
  server("app.test service= resolve", "service is empty"),
  server("app.test:80 service=http resolve", 'service upstream "app.test:80" may not have port'),
  server("127.0.0.1 service=http resolve", 'service upstream "127.0.0.1" requires domain name'),
  server("app.test:x resolve", 'invalid port in upstream "app.test:x"'),
  server("app.test resolve=1", 'invalid parameter "resolve=1"'),
  server("app.test service resolve", 'invalid parameter "service"'),
  {
    name: "without a zone",
    config: inUpstream("resolver 127.0.0.1;\nserver app.test resolve;"),
    error:
      'resolving names at run time requires upstream "backend" in {dir}/test.conf:3 to be in shared memory',
    nginx: NEWER,
  },
  {
    name: "without a resolver",
    config: inHttp("upstream backend { #!\nzone backend 64k;\nserver app.test resolve;\n}"),
    error: 'no resolver defined to resolve names at run time in upstream "backend"',
    nginx: NEWER,
  },
  {
    name: "the resolver of a server is not the group's",
    config: inHttp(
      "upstream backend { #!\nzone backend 64k;\nserver app.test resolve;\n}\nserver { listen 127.0.0.1:{port}; resolver 127.0.0.1; }",
    ),
    error: 'no resolver defined to resolve names at run time in upstream "backend"',
    nginx: NEWER,
  },
  {
    name: "a resolver of the group that is not found",
    config: inUpstream("zone backend 64k;\nresolver none.invalid; #!\nserver app.test resolve;"),
    error: 'host not found in resolver "none.invalid"',
    nginx: NEWER,
  },
  {
    name: "the group's resolver twice",
    config: inUpstream("resolver 127.0.0.1;\nresolver 127.0.0.1; #!\nserver 127.0.0.1;"),
    error: '"resolver" directive is duplicate',
    nginx: NEWER,
  },
  {
    name: "backups alone",
    config: inHttp(
      "resolver 127.0.0.1;\nupstream backend { #!\nzone backend 64k;\nserver app.test resolve backup;\n}",
    ),
    error: 'no servers in upstream "backend"',
    nginx: NEWER,
  },
])
