import { describeBadInput, inHttp, inLocation, inServer } from "./bad-input.ts"

const duplicate = (name: string): string => `"${name}" directive is duplicate`
const invalid = (name: string): string => `"${name}" directive invalid value`
const misplaced = (name: string): string => `"${name}" directive is not allowed here`

describeBadInput("root and alias", [
  { name: "root twice", config: inHttp("root a;\nroot b; #!"), error: duplicate("root") },
  { name: "alias twice", config: inLocation("alias a;\nalias b; #!"), error: duplicate("alias") },
  {
    name: "alias behind root",
    config: inLocation("root a;\nalias b; #!"),
    error: '"alias" directive is duplicate, "root" directive was specified earlier',
  },
  {
    name: "root behind alias",
    config: inLocation("alias b;\nroot a; #!"),
    error: '"root" directive is duplicate, "alias" directive was specified earlier',
  },
  { name: "alias in a server", config: inServer("alias b; #!"), error: misplaced("alias") },
  { name: "alias in an if", config: inLocation("if ($arg_x) {\nalias b; #!\n}"), error: misplaced("alias") },
  {
    name: "alias in a named location",
    config: inServer("location @n {\nalias b; #!\n}"),
    error: 'the "alias" directive cannot be used inside the named location',
  },
  ...["document_root", "realpath_root"].flatMap((name) =>
    ["root", "alias"].map((directive) => ({
      name: `$${name} in ${directive}`,
      config: inLocation(`${directive} /x$${name}; #!`),
      error: `the $${name} variable cannot be used in the "${directive}" directive`,
    })),
  ),
  {
    name: "$document_root in braces",
    config: inLocation(`root "\${document_root}/x"; #!`),
    error: 'the $document_root variable cannot be used in the "root" directive',
  },
  {
    name: "an unknown variable",
    config: inLocation("root /x/$nothing; #!"),
    error: 'unknown "nothing" variable',
    nginx: { error: 'unknown "nothing" variable', why: "it looks variables up when it has read all" },
  },
])

describeBadInput("index and autoindex", [
  {
    name: "an empty index",
    config: inHttp('index a ""; #!'),
    error: 'index "a" in "index" directive is invalid',
  },
  {
    name: "a format that there is not",
    config: inHttp("autoindex_format yaml; #!"),
    error: 'invalid value "yaml"',
  },
  {
    name: "autoindex is a flag",
    config: inHttp("autoindex yes; #!"),
    error: 'invalid value "yes" in "autoindex" directive, it must be "on" or "off"',
  },
  { name: "gzip_static", config: inHttp("gzip_static never; #!"), error: 'invalid value "never"' },
  { name: "empty_gif in a server", config: inServer("empty_gif; #!"), error: misplaced("empty_gif") },
  {
    name: "empty_gif with a word",
    config: inLocation("empty_gif on; #!"),
    error: 'invalid number of arguments in "empty_gif" directive',
  },
])

describeBadInput("files", [
  {
    name: "if_modified_since",
    config: inHttp("if_modified_since after; #!"),
    error: 'invalid value "after"',
  },
  {
    name: "max_ranges",
    config: inHttp("max_ranges many; #!"),
    error: '"max_ranges" directive invalid number',
  },
  {
    name: "open_file_cache without max",
    config: inHttp("open_file_cache inactive=10s; #!"),
    error: '"open_file_cache" must have the "max" parameter',
  },
  ...["max=0", "max=x", "inactive=x", "on"].map((text) => ({
    name: `open_file_cache ${text}`,
    config: inHttp(`open_file_cache ${text}; #!`),
    error: `invalid "open_file_cache" parameter "${text}"`,
  })),
  {
    name: "open_file_cache_valid",
    config: inHttp("open_file_cache_valid x; #!"),
    error: invalid("open_file_cache_valid"),
  },
  { name: "directio", config: inHttp("directio on; #!"), error: invalid("directio") },
  { name: "output_buffers", config: inHttp("output_buffers 0 32k; #!"), error: invalid("output_buffers") },
  { name: "aio", config: inHttp("aio posix; #!"), error: invalid("aio") },
  {
    name: "disable_symlinks on",
    config: inHttp("disable_symlinks on; #!"),
    error:
      '"disable_symlinks" is supported by Holdfast only as off: Node.js cannot open a path without following its links; keep them out of the folder that is served',
    nginx: { error: null, why: "it can" },
  },
])
