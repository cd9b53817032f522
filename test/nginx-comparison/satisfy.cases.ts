import { httpAnswer } from "../support/raw-backend.ts"
import { basic, USERS } from "./auth-users.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

const AUTH = "auth_basic r; auth_basic_user_file {prefix}/{id}.users;"
const GOOD = get("/", basic("plain", "secret"))
const BAD = get("/", basic("plain", "no"))

/** Without a password, with the right one, with a wrong one. */
function satisfied(
  name: string,
  rules: string,
  status: readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `satisfy: ${name}`,
    server: `error_log {prefix}/logs/{id}.err info; location / { ${rules} ${HTTP_1_1} proxy_pass http://{b}; }`,
    files: { "{id}.users": USERS },
    backends: { b: httpAnswer("in") },
    send: [get("/"), GOOD, BAD],
    status,
    ...more,
  }
}

export const satisfyCases: readonly ComparisonCase[] = [
  satisfied("all is the default", `deny all; ${AUTH}`, [403, 403, 403]),
  satisfied("all: both let in", `satisfy all; allow 127.0.0.1; deny all; ${AUTH}`, [401, 200, 401]),
  satisfied("any: by address", `satisfy any; allow 127.0.0.1; deny all; ${AUTH}`, [200, 200, 200]),
  satisfied("any: by password", `satisfy any; deny all; ${AUTH}`, [401, 200, 401]),
  satisfied("any: rules that do not match", `satisfy any; allow 10.0.0.1; ${AUTH}`, [401, 200, 401]),
  satisfied("any: address alone", "satisfy any; deny all;", [403, 403, 403]),
  satisfied("any: allowed address alone", "satisfy any; allow all;", [200, 200, 200]),
  satisfied("any: password alone", `satisfy any; ${AUTH}`, [401, 200, 401]),
  satisfied("any: nothing to satisfy", "satisfy any;", [200, 200, 200]),
  satisfied("any: auth_basic off", `satisfy any; deny all; ${AUTH.replace("r;", "off;")}`, [403, 403, 403]),
  satisfied("inherited", "", [401, 200, 401], {
    server: `satisfy any; deny all; ${AUTH} location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
  }),
  satisfied("all in the location of one that says any", "", [403, 403, 403], {
    server: `satisfy any; deny all; ${AUTH} location / { satisfy all; ${HTTP_1_1} proxy_pass http://{b}; }`,
  }),
  satisfied(
    "any: the file is not there",
    "satisfy any; deny all; auth_basic r; auth_basic_user_file {prefix}/none;",
    [401, 403, 403],
  ),
  satisfied(
    "any: by the address that realip has found",
    `satisfy any; allow 192.0.2.1; deny all; ${AUTH}`,
    [200, 401],
    {
      server: `set_real_ip_from 127.0.0.1; location / { satisfy any; allow 192.0.2.1; deny all; ${AUTH} ${HTTP_1_1} proxy_pass http://{b}; }`,
      send: [get("/", "X-Real-IP: 192.0.2.1\r\n"), get("/")],
    },
  ),
  satisfied("any: an error page of another location decides for itself", "", [401, 401], {
    server: `error_page 401 /page; location / { satisfy any; deny all; ${AUTH} ${HTTP_1_1} proxy_pass http://{b}; }
      location = /page { ${HTTP_1_1} proxy_pass http://{b}; }`,
    send: [get("/"), BAD],
  }),
  satisfied("any: in limit_except", "", [200, 401, 200], {
    server: `location / { satisfy any; limit_except GET { deny all; ${AUTH} } ${HTTP_1_1} proxy_pass http://{b}; }`,
    send: [get("/"), post("/", "x"), post("/", "x", basic("plain", "secret"))],
  }),
]
