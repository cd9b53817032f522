import { describeBadInput, inHttp, inLocation, inServer } from "./bad-input.ts"

const withoutPlace = "nginx names no line for a variable that it does not know"

/** A condition that is none. */
function condition(
  name: string,
  text: string,
  error: string,
): Parameters<typeof describeBadInput>[1][number] {
  return { name: `if: ${name}`, config: inLocation(`if ${text} { #!\n}`), error }
}

describeBadInput("rewrite", [
  condition("no parentheses", "$a", 'invalid condition "$a"'),
  condition("no closing parenthesis", "($uri", 'invalid condition "$uri"'),
  condition("empty", "()", 'invalid condition ")"'),
  condition("empty, with a blank", "( )", 'invalid condition ")"'),
  condition("a text in place of a variable", "(abc)", 'invalid condition "abc"'),
  condition("an unknown operator", "($uri == a)", 'unexpected "==" in condition'),
  condition("an operator without a value", "($uri =)", 'invalid condition "$uri"'),
  condition("too many words", "($uri = a b)", 'invalid condition "$uri"'),
  condition("an unknown test", "(-z $uri)", 'invalid condition "-z"'),
  condition("a test without a path", "(-f)", 'invalid condition "-f"'),
  condition("a test with two paths", "(-f a b)", 'invalid condition "-f"'),
  condition("an unknown negated test", "(!-q $uri)", 'invalid condition "!-q"'),
  {
    name: "if: an unknown variable",
    config: inLocation("if ($nowhere) { #!\n}"),
    error: 'unknown "nowhere" variable',
    nginx: { error: 'unknown "nowhere" variable', why: withoutPlace },
  },
  {
    name: "if: without a condition",
    config: inLocation("if { #!\n}"),
    error: 'invalid number of arguments in "if" directive',
  },
  {
    name: "if: without a block",
    config: inLocation("if ($uri); #!"),
    error: 'directive "if" has no opening "{"',
  },
  { name: "if: in http", config: inHttp("if ($uri) { #!\n}"), error: '"if" directive is not allowed here' },
  {
    name: "if: in an if",
    config: inLocation("if ($uri) {\nif ($uri) { #!\n}\n}"),
    error: '"if" directive is not allowed here',
  },
  {
    name: "if: a location in it",
    config: inServer("if ($uri) {\nlocation / { #!\n}\n}"),
    error: '"location" directive is not allowed here',
  },
  {
    name: "if: proxy_pass in that of a server",
    config: inServer("if ($uri) {\nproxy_pass http://127.0.0.1; #!\n}"),
    error: '"proxy_pass" directive is not allowed here',
  },
  {
    name: "if: proxy_pass with a URI",
    config: inLocation("if ($uri) {\nproxy_pass http://127.0.0.1/uri; #!\n}"),
    error:
      '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
  },
  {
    name: "if: add_header in that of a server",
    config: inServer("if ($uri) {\nadd_header a b; #!\n}"),
    error: '"add_header" directive is not allowed here',
  },
  { name: "set: a name without $", config: inServer("set a b; #!"), error: 'invalid variable name "a"' },
  { name: "set: no name", config: inServer("set $ b; #!"), error: 'invalid variable name "$"' },
  {
    name: "set: a variable of nginx's own",
    config: inServer("set $host b; #!"),
    error: 'the duplicate "host" variable',
  },
  {
    name: "set: an unknown variable",
    config: inServer("set $a $nowhere; #!"),
    error: 'unknown "nowhere" variable',
    nginx: { error: 'unknown "nowhere" variable', why: withoutPlace },
  },
  {
    name: "a named group of nginx's own variable",
    config: inServer("rewrite ^/(?<host>.*)$ /b; #!"),
    error: 'the duplicate "host" variable',
  },
  {
    name: "rewrite: an unknown flag",
    config: inServer("rewrite ^ /b first; #!"),
    error: 'invalid parameter "first"',
  },
  { name: "rewrite: an empty replacement", config: inServer('rewrite ^ ""; #!'), error: "empty replacement" },
  {
    name: "rewrite: one argument",
    config: inServer("rewrite ^; #!"),
    error: 'invalid number of arguments in "rewrite" directive',
  },
  {
    name: "rewrite: in http",
    config: inHttp("rewrite ^ /b; #!"),
    error: '"rewrite" directive is not allowed here',
  },
  {
    name: "break: with an argument",
    config: inServer("break x; #!"),
    error: 'invalid number of arguments in "break" directive',
  },
  {
    name: "return: a URL with a capital",
    config: inServer("return Http://b; #!"),
    error: 'invalid return code "Http://b"',
  },
  {
    name: "return: a large status",
    config: inServer("return 1000; #!"),
    error: 'invalid return code "1000"',
  },
  { name: "return: a text alone", config: inServer("return text; #!"), error: 'invalid return code "text"' },
  {
    name: "rewrite_log: no flag",
    config: inServer("rewrite_log yes; #!"),
    error: 'invalid value "yes" in "rewrite_log" directive, it must be "on" or "off"',
  },
  {
    name: "try_files: one argument",
    config: inServer("try_files $uri; #!"),
    error: 'invalid number of arguments in "try_files" directive',
  },
  { name: "try_files: a bad status", config: inServer("try_files $uri =x; #!"), error: 'invalid code "=x"' },
  {
    name: "try_files: a large status",
    config: inServer("try_files $uri =1000; #!"),
    error: 'invalid code "=1000"',
  },
  {
    name: "try_files: twice",
    config: inServer("try_files a b;\ntry_files c d; #!"),
    error: '"try_files" directive is duplicate',
  },
  {
    name: "try_files: in http",
    config: inHttp("try_files a b; #!"),
    error: '"try_files" directive is not allowed here',
  },
])
