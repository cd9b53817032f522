/** Where Holdfast says something else than Debian's nginx 1.22 to a mistake with a directive, and why. */
export interface Difference {
  /** The names of the mistakes: `directive (context): kind`. */
  readonly mistakes: RegExp
  /** What nginx says, where that tells more. */
  readonly nginx?: RegExp
  readonly why: string
}

export const DIFFERENCES: readonly Difference[] = [
  {
    mistakes: /\$no_such_variable$/,
    nginx: /^unknown "no_such_variable" variable$/,
    why: "nginx finds unknown variables at the very end, and names no line",
  },
  {
    mistakes: /./,
    nginx: /^pcre2_compile\(\) failed: /,
    why: "what is wrong with a pattern is said in V8's words",
  },
  { mistakes: /^user \(main\): /, why: "users are looked up when the program becomes one, not by -t" },
  { mistakes: /^pid \(main\): odd words /, why: "the file is written at the start, not by -t" },
  { mistakes: /^load_module \(main\): /, nginx: /dlopen/, why: "nothing is loaded, and a warning says so" },
  { mistakes: /^worker_processes \(main\): odd words 0/, why: "nobody would serve" },
  { mistakes: /^worker_connections \(events\): odd words 0/, why: "listening sockets do not count" },
  { mistakes: /_temp_path \(location\): /, nginx: /^mkdir\(\) /, why: "these tests make no folders" },
  {
    mistakes: /./,
    nginx: /^host not found in (upstream|set_real_ip_from|resolver) "/,
    why: "these tests have an address for each name, so that nobody is asked for one",
  },
  {
    mistakes: /^listen \(server\): /,
    nginx: /^host not found in /,
    why: "host names but localhost are refused, and it is said why",
  },
  { mistakes: /^keepalive \(upstream\): /, why: "since 1.29.7, nginx has a second argument, and 0 for none" },
  {
    mistakes: /^(proxy_)?ssl_password_file \(\w+\): /,
    nginx: /^p?read\(\) /,
    why: "a folder is refused when it is opened",
  },
  {
    mistakes: /^ssl_session_ticket_key \(server\): /,
    why: "nginx opens the file only where a server listens with TLS",
  },
  { mistakes: /^proxy_(cache|store) \(location\): /, why: "there is no cache and no store" },
  {
    mistakes: /^proxy_set_(header|body) \(location\): .*\$/,
    why: "nginx reads these values at the end of the block, and names that line",
  },
  { mistakes: /^log_format \(http\): one odd word more \$$/, why: "the words of a format are one text here" },
  {
    mistakes: /^ssl_certificate(_key)? \(server\): .*\$/,
    why: "nginx reads these names only where a server listens with TLS",
  },
  { mistakes: /^proxy_limit_rate \(location\): .*\$/, why: "nginx takes variables there since 1.27.0" },
  {
    mistakes: /^(source_)?charset \(location\): .*\$\{uri/,
    why: "nginx takes what follows the dollar sign for a name",
  },
  { mistakes: /^disable_symlinks \(location\): /, why: "it may only be off" },
  { mistakes: /^aio \(location\): twice/, why: "Linux without libaio" },
  { mistakes: /^http2_(push|push_preload|max_concurrent_pushes) \(/, why: "gone from nginx since 1.25.1" },
  { mistakes: /^access_log \(location\): odd words $/, why: "nginx takes no name for its own error output" },
]
