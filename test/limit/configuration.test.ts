import { describeBadInput, inHttp, inLocation } from "../bad-input/bad-input.ts"

const REQ = "limit_req_zone $uri zone=z:32k rate=1r/s;"
const CONN = "limit_conn_zone $uri zone=z:32k;"

/** A zone, and a line of a location. */
const used = (zone: string, line: string): string =>
  inHttp(`${zone}\nserver {\nlisten 127.0.0.1:{port};\nlocation / {\n${line}\n}\n}`)

describeBadInput("limit_req", [
  {
    name: "a zone without a size",
    config: inHttp("limit_req_zone $uri zone=z rate=1r/s; #!"),
    error: 'invalid zone size "zone=z"',
  },
  {
    name: "a size that is none",
    config: inHttp("limit_req_zone $uri zone=z:x rate=1r/s; #!"),
    error: 'invalid zone size "zone=z:x"',
  },
  {
    name: "a size of nothing",
    config: inHttp("limit_req_zone $uri zone=z: rate=1r/s; #!"),
    error: 'invalid zone size "zone=z:"',
  },
  {
    name: "a zone that is too small",
    config: inHttp("limit_req_zone $uri zone=z:31k rate=1r/s; #!"),
    error: 'zone "zone=z:31k" is too small',
  },
  {
    name: "a zone without a name",
    config: inHttp("limit_req_zone $uri zone=:32k rate=1r/s; #!"),
    error: '"limit_req_zone" must have "zone" parameter',
  },
  {
    name: "no zone",
    config: inHttp("limit_req_zone $uri rate=1r/s rate=2r/s; #!"),
    error: '"limit_req_zone" must have "zone" parameter',
  },
  {
    name: "a rate of nothing",
    config: inHttp("limit_req_zone $uri zone=z:32k rate=r/s; #!"),
    error: 'invalid rate "rate=r/s"',
  },
  {
    name: "a rate of 0",
    config: inHttp("limit_req_zone $uri zone=z:32k rate=0r/s; #!"),
    error: 'invalid rate "rate=0r/s"',
  },
  {
    name: "a rate by the hour",
    config: inHttp("limit_req_zone $uri zone=z:32k rate=1r/h; #!"),
    error: 'invalid rate "rate=1r/h"',
  },
  {
    name: "a fraction",
    config: inHttp("limit_req_zone $uri zone=z:32k rate=0.5r/s; #!"),
    error: 'invalid rate "rate=0.5r/s"',
  },
  {
    name: "another parameter of the zone",
    config: inHttp("limit_req_zone $uri zone=z:32k burst=1; #!"),
    error: 'invalid parameter "burst=1"',
  },
  {
    name: "two arguments",
    config: inHttp("limit_req_zone $uri zone=z:32k; #!"),
    error: 'invalid number of arguments in "limit_req_zone" directive',
  },
  {
    name: "an unknown variable",
    config: inHttp("limit_req_zone $nothing zone=z:32k rate=1r/s;"),
    error: 'unknown "nothing" variable',
    line: 3,
    nginx: { error: null, why: "nginx does not name the line" },
  },
  {
    name: "the name twice",
    config: inHttp(`${REQ}\nlimit_req_zone $host zone=z:32k rate=1r/s; #!`),
    error: 'limit_req_zone "z" is already bound to key "$uri"',
  },
  {
    name: "the name twice, with another size",
    config: inHttp(`${REQ}\nlimit_req_zone $uri zone=z:64k rate=1r/s; #!`),
    error: 'the size 65536 of shared memory zone "z" conflicts with already declared size 32768',
  },
  {
    name: "a zone that limit_conn has",
    config: inHttp(`${CONN}\n${REQ} #!`),
    error: 'the shared memory zone "z" is already declared for a different use',
  },
  {
    name: "a limit of a zone that limit_conn has",
    config: used(CONN, "limit_req zone=z; #!"),
    error: 'the shared memory zone "z" is already declared for a different use',
  },
  {
    name: "a limit of a zone that is not there",
    config: inLocation("limit_req zone=none;"),
    error: 'zero size shared memory zone "none"',
  },
  {
    name: "a limit without a zone",
    config: used(REQ, "limit_req burst=1; #!"),
    error: '"limit_req" must have "zone" parameter',
  },
  {
    name: "a burst of 0",
    config: used(REQ, "limit_req zone=z burst=0; #!"),
    error: 'invalid burst value "burst=0"',
  },
  {
    name: "a burst that is no number",
    config: used(REQ, "limit_req zone=z burst=a; #!"),
    error: 'invalid burst value "burst=a"',
  },
  {
    name: "a delay of 0",
    config: used(REQ, "limit_req zone=z delay=0; #!"),
    error: 'invalid delay value "delay=0"',
  },
  {
    name: "another parameter of the limit",
    config: used(REQ, "limit_req zone=z rate=1r/s; #!"),
    error: 'invalid parameter "rate=1r/s"',
  },
  {
    name: "four parameters",
    config: used(REQ, "limit_req zone=z burst=1 delay=1 nodelay; #!"),
    error: 'invalid number of arguments in "limit_req" directive',
  },
  {
    name: "one zone twice",
    config: used(REQ, "limit_req zone=z;\nlimit_req zone=z burst=2; #!"),
    error: '"limit_req" directive is duplicate',
  },
  {
    name: "a status that is no error",
    config: inLocation("limit_req_status 399; #!"),
    error: "value must be between 400 and 599",
  },
  {
    name: "a status that is too large",
    config: inLocation("limit_req_status 600; #!"),
    error: "value must be between 400 and 599",
  },
  {
    name: "a status that is no number",
    config: inLocation("limit_req_status x; #!"),
    error: '"limit_req_status" directive invalid number',
  },
  {
    name: "a level that it has not",
    config: inLocation("limit_req_log_level crit; #!"),
    error: 'invalid value "crit"',
  },
  {
    name: "a dry run that is neither",
    config: inLocation("limit_req_dry_run yes; #!"),
    error: 'invalid value "yes" in "limit_req_dry_run" directive, it must be "on" or "off"',
  },
  {
    name: "a zone in a server",
    config: inLocation(`${REQ} #!`),
    error: '"limit_req_zone" directive is not allowed here',
  },
])

describeBadInput("limit_conn", [
  {
    name: "a zone without a size",
    config: inHttp("limit_conn_zone $uri zone=z; #!"),
    error: 'invalid zone size "zone=z"',
  },
  {
    name: "a zone that is too small",
    config: inHttp("limit_conn_zone $uri zone=z:8k; #!"),
    error: 'zone "zone=z:8k" is too small',
  },
  {
    name: "a zone without a name",
    config: inHttp("limit_conn_zone $uri zone=:32k; #!"),
    error: '"limit_conn_zone" must have "zone" parameter',
  },
  {
    name: "a rate",
    config: inHttp("limit_conn_zone $uri rate=1r/s; #!"),
    error: 'invalid parameter "rate=1r/s"',
  },
  {
    name: "the name twice",
    config: inHttp(`${CONN}\nlimit_conn_zone $host zone=z:32k; #!`),
    error: 'limit_conn_zone "z" is already bound to key "$uri"',
  },
  {
    name: "a limit of a zone that limit_req has",
    config: used(REQ, "limit_conn z 1; #!"),
    error: 'the shared memory zone "z" is already declared for a different use',
  },
  {
    name: "a limit of a zone that is not there",
    config: inLocation("limit_conn none 1;"),
    error: 'zero size shared memory zone "none"',
  },
  {
    name: "no connections",
    config: used(CONN, "limit_conn z 0; #!"),
    error: 'invalid number of connections "0"',
  },
  {
    name: "a number that is none",
    config: used(CONN, "limit_conn z x; #!"),
    error: 'invalid number of connections "x"',
  },
  {
    name: "too many connections",
    config: used(CONN, "limit_conn z 65536; #!"),
    error: "connection limit must be less 65536",
  },
  {
    name: "one zone twice",
    config: used(CONN, "limit_conn z 1;\nlimit_conn z 2; #!"),
    error: '"limit_conn" directive is duplicate',
  },
  {
    name: "a limit without a number",
    config: used(CONN, "limit_conn z; #!"),
    error: 'invalid number of arguments in "limit_conn" directive',
  },
  {
    name: "a status that is no error",
    config: inLocation("limit_conn_status 200; #!"),
    error: "value must be between 400 and 599",
  },
  {
    name: "a level that it has not",
    config: inLocation("limit_conn_log_level debug; #!"),
    error: 'invalid value "debug"',
  },
])

describeBadInput("limit_rate and limit_except", [
  {
    name: "a rate that is none",
    config: inLocation("limit_rate fast; #!"),
    error: '"limit_rate" directive invalid value',
  },
  {
    name: "a rate twice",
    config: inLocation("limit_rate 1k;\nlimit_rate 2k; #!"),
    error: '"limit_rate" directive is duplicate',
  },
  {
    name: "a size that is none",
    config: inLocation("limit_rate_after 1g; #!"),
    error: '"limit_rate_after" directive invalid value',
  },
  {
    name: "a method that is none",
    config: inLocation("limit_except GET FOO {\n}"),
    error: 'invalid method "FOO"',
    line: 6,
  },
  {
    name: "a method that cannot be named",
    config: inLocation("limit_except CONNECT {\n}"),
    error: 'invalid method "CONNECT"',
    line: 6,
  },
  {
    name: "two blocks",
    config: inLocation("limit_except GET {\n}\nlimit_except POST {\n}"),
    error: '"limit_except" directive is duplicate',
    line: 8,
  },
  {
    name: "no methods",
    config: inLocation("limit_except {\n}"),
    error: 'invalid number of arguments in "limit_except" directive',
    line: 6,
  },
  {
    name: "no block",
    config: inLocation("limit_except GET; #!"),
    error: 'directive "limit_except" has no opening "{"',
  },
  {
    name: "what does not belong there",
    config: inLocation("limit_except GET {\nreturn 403; #!\n}"),
    error: '"return" directive is not allowed here',
  },
  {
    name: "a location within",
    config: inLocation("limit_except GET {\nlocation /a { #!\n}\n}"),
    error: '"location" directive is not allowed here',
  },
  {
    name: "proxy_pass with a URI",
    config: inLocation("limit_except GET {\nproxy_pass http://127.0.0.1/x; #!\n}"),
    error:
      '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
  },
])
