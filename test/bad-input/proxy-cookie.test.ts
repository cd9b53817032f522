import { describeBadInput, inHttp, inLocation } from "./bad-input.ts"

const duplicate = (name: string): string => `"${name}" directive is duplicate`
const parameter = (text: string): string => `invalid parameter "${text}"`
const arity = (name: string): string => `invalid number of arguments in "${name}" directive`

describeBadInput("cookies of answers", [
  ...["proxy_cookie_domain", "proxy_cookie_path", "proxy_cookie_flags"].flatMap((name) => [
    {
      name: `${name} with another word than off`,
      config: inLocation(`${name} on; #!`),
      error: parameter("on"),
    },
    {
      name: `${name} off after a rule`,
      config: inLocation(`${name} a ${name === "proxy_cookie_flags" ? "secure" : "b"};\n${name} off; #!`),
      error: duplicate(name),
    },
    {
      name: `${name} after off`,
      config: inHttp(`${name} off;\n${name} a ${name === "proxy_cookie_flags" ? "secure" : "b"}; #!`),
      error: duplicate(name),
    },
    { name: `${name} without a word`, config: inLocation(`${name}; #!`), error: arity(name) },
  ]),
  {
    name: "proxy_cookie_path with three words",
    config: inLocation("proxy_cookie_path a b c; #!"),
    error: arity("proxy_cookie_path"),
  },
  {
    name: "proxy_method twice",
    config: inLocation("proxy_method GET;\nproxy_method PUT; #!"),
    error: duplicate("proxy_method"),
  },
])

describeBadInput("expires", [
  { name: "no time", config: inLocation("expires soon; #!"), error: '"expires" directive invalid value' },
  { name: "twice", config: inHttp("expires 1h;\nexpires 2h; #!"), error: duplicate("expires") },
  {
    name: "another word than modified",
    config: inLocation("expires changed 1h; #!"),
    error: '"expires" directive invalid value',
  },
  {
    name: "a time of the day with modified",
    config: inLocation("expires modified @10h; #!"),
    error: '"expires" directive daily time cannot be used with "modified" parameter',
  },
  {
    name: "a time of the day that no day has",
    config: inLocation("expires @25h; #!"),
    error: '"expires" directive daily time value must be less than 24 hours',
  },
])
