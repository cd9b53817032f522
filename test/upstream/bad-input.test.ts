import { refusal } from "../../src/config/refusals.ts"
import { type BadInput, describeBadInput, inHttp, inUpstream } from "../bad-input/bad-input.ts"

const NEWER = { error: null, why: "Debian's nginx does not have it yet" }
const parameter = (text: string): string => `invalid parameter "${text}"`

/** A `sticky` that is refused, in words that follow the directive's name unless they are whole. */
function sticky(name: string, args: string, error: string, isWhole = false): BadInput {
  return {
    name: `sticky: ${name}`,
    config: inUpstream(`server 127.0.0.1;\nsticky ${args}; #!`),
    error: isWhole ? error : `"sticky" directive ${error}`,
    nginx: NEWER,
  }
}

describeBadInput("ways to choose", [
  {
    name: "hash without a key",
    config: inUpstream("hash; #!\nserver 127.0.0.1;"),
    error: 'invalid number of arguments in "hash" directive',
  },
  {
    name: "hash with a word that it does not know",
    config: inUpstream("hash $uri constant; #!\nserver 127.0.0.1;"),
    error: parameter("constant"),
  },
  {
    name: "hash of a variable that is none",
    config: inUpstream("hash $nothing; #!\nserver 127.0.0.1;"),
    error: 'unknown "nothing" variable',
    nginx: { error: 'unknown "nothing" variable', why: "nginx does not know the line any more" },
  },
  {
    name: "least_conn with an argument",
    config: inUpstream("least_conn 1; #!\nserver 127.0.0.1;"),
    error: 'invalid number of arguments in "least_conn" directive',
  },
  {
    name: "random three",
    config: inUpstream("random three; #!\nserver 127.0.0.1;"),
    error: parameter("three"),
  },
  {
    name: "random two by time",
    config: inUpstream("random two least_time=header; #!\nserver 127.0.0.1;"),
    error: parameter("least_time=header"),
  },
  {
    name: "random with too much",
    config: inUpstream("random two least_conn x; #!\nserver 127.0.0.1;"),
    error: 'invalid number of arguments in "random" directive',
  },
  {
    name: "least_time of what it does not know",
    config: inUpstream("least_time first_byte; #!\nserver 127.0.0.1;"),
    error: 'invalid value "first_byte"',
    nginx: NEWER,
  },
  {
    name: "least_time with another word",
    config: inUpstream("least_time header all; #!\nserver 127.0.0.1;"),
    error: parameter("all"),
    nginx: NEWER,
  },
  {
    name: "least_time twice",
    config: inUpstream("least_time header;\nleast_time header; #!\nserver 127.0.0.1;"),
    error: '"least_time" directive is duplicate',
    nginx: NEWER,
  },
  {
    name: "a method outside of a group",
    config: inHttp("least_conn; #!"),
    error: '"least_conn" directive is not allowed here',
  },
  ...["hash $uri", "hash $uri consistent", "random", "random two"].map((method) => ({
    name: `backup below ${method}`,
    config: inUpstream(`${method};\nserver 127.0.0.1;\nserver 127.0.0.2 backup; #!`),
    error: 'balancing method does not support parameter "backup"',
  })),
])

describeBadInput("parameters of a server", [
  {
    name: "a parameter before the address",
    config: inUpstream("server 127.0.0.1:http weight=0; #!"),
    error: parameter("weight=0"),
  },
  {
    name: "fail_timeout is of whole seconds",
    config: inUpstream("server 127.0.0.1 fail_timeout=500ms; #!"),
    error: parameter("fail_timeout=500ms"),
  },
  { name: "weight=0", config: inUpstream("server 127.0.0.1 weight=0; #!"), error: parameter("weight=0") },
  { name: "weight alone", config: inUpstream("server 127.0.0.1 weight; #!"), error: parameter("weight") },
  { name: "down=1", config: inUpstream("server 127.0.0.1 down=1; #!"), error: parameter("down=1") },
  {
    name: "an empty route",
    config: inUpstream("server 127.0.0.1 route=; #!"),
    error: "route is empty",
    nginx: NEWER,
  },
  {
    name: "a route that is too long",
    config: inUpstream(`server 127.0.0.1 route=${"x".repeat(33)}; #!`),
    error: "route is longer than 32",
    nginx: NEWER,
  },
  ...["state /tmp/state", "ntlm"].map((directive) => ({
    name: directive,
    config: inUpstream(`server 127.0.0.1;\n${directive}; #!`),
    error: refusal(directive.split(" ")[0] as string),
    nginx: NEWER,
  })),
])

describeBadInput("sticky", [
  {
    name: "sticky without anything",
    config: inUpstream("server 127.0.0.1;\nsticky cookie; #!"),
    error: 'invalid number of arguments in "sticky" directive',
    nginx: NEWER,
  },
  {
    name: "sticky twice",
    config: inUpstream("server 127.0.0.1;\nsticky cookie a;\nsticky route $arg_a; #!"),
    error: '"sticky" directive is duplicate',
    nginx: NEWER,
  },
  sticky("another way", "header x", 'unknown parameter "header"', true),
  sticky("an empty cookie name", 'cookie ""', "empty cookie name"),
  sticky("another parameter", "cookie a max=1", 'unknown parameter "max=1"', true),
  sticky("domain twice", "cookie a domain=x domain=y", 'parameter "domain" is duplicate'),
  sticky("no domain", "cookie a domain=", 'no value for "domain"'),
  sticky("path twice", "cookie a path=/ path=/", 'parameter "path" is duplicate'),
  sticky("no path", "cookie a path=", 'no value for "path"'),
  sticky("expires twice", "cookie a expires=1h expires=1h", 'parameter "expires" is duplicate'),
  sticky("expires is no time", "cookie a expires=soon", 'invalid "expires" parameter value'),
  sticky("expires in milliseconds", "cookie a expires=5ms", 'invalid "expires" parameter value'),
  sticky("httponly twice", "cookie a httponly httponly", 'parameter "httponly" is duplicate'),
  sticky("secure twice", "cookie a secure secure", 'parameter "secure" is duplicate'),
  sticky("samesite twice", "cookie a samesite=lax samesite=lax", 'parameter "samesite" is duplicate'),
  sticky("samesite is none", "cookie a samesite=often", 'invalid "samesite" parameter value'),
  sticky("samesite is empty", "cookie a samesite=", 'invalid "samesite" parameter value'),
  sticky("route without a dollar sign", "route $arg_a jsession", 'invalid variable name "jsession"', true),
  sticky("route of a dollar sign", "route $", 'invalid variable name "$"', true),
  sticky("route of a variable that is none", "route $nothing", 'unknown "nothing" variable', true),
  sticky("learn without lookup", "learn create=$arg_a zone=a:64k", '"lookup" parameter is not specified'),
  sticky("learn without create", "learn lookup=$arg_a zone=a:64k", '"create" parameter is not specified'),
  sticky("learn without zone", "learn lookup=$arg_a create=$arg_b", '"zone" parameter is not specified'),
  sticky("a zone without size", "learn zone=a", "zone size is not specified"),
  sticky("a zone without name", "learn zone=:64k", "zone name is not specified"),
  sticky("a zone of a bad size", "learn zone=a:big", "invalid zone size"),
  sticky("a zone that is too small", "learn zone=a:31k", "zone is too small"),
  sticky("two zones", "learn zone=a:64k zone=b:64k", "duplicate zone"),
  sticky("two time-outs", "learn timeout=1m timeout=2m", "duplicate timeout"),
  sticky("a time-out of 0", "learn timeout=0", "invalid timeout"),
  sticky("create without a variable", "learn create=a", 'missing variable in the "create" parameter'),
  sticky("lookup without a variable", "learn lookup=a", 'missing variable in the "lookup" parameter'),
  sticky("learn with another word", "learn footer", 'unknown parameter "footer"', true),
  sticky("sync", "learn sync", 'the "sync" parameter of "sticky learn" is not supported by Holdfast', true),
  {
    name: "sticky: one zone for two groups",
    config: inHttp(
      "upstream a {\nserver 127.0.0.1;\nsticky learn create=$arg_a lookup=$arg_a zone=z:64k;\n}\nupstream b {\nserver 127.0.0.1;\nsticky learn create=$arg_a lookup=$arg_a zone=z:64k; #!\n}",
    ),
    error: 'sticky zone "z" is already used in upstream "a"',
    nginx: NEWER,
  },
])
