import { type ComparisonCase, get } from "./case.ts"

const KEYS = Array.from({ length: 48 }, (_, index) => `client-${index * 7919}`.slice(0, 4 + (index % 9)))

/** The values that these keys get. */
function split(
  name: string,
  lines: string,
  keys: readonly string[] = KEYS,
  source = "$arg_k",
): ComparisonCase {
  return {
    name: `split_clients: ${name}`,
    http: `split_clients "${source}" $s{id} { ${lines} }`,
    server: 'return 200 "$arg_k [$s{id}]\\n";',
    send: keys.map((key) => get(`/?k=${key}`)),
    status: keys.map(() => 200),
  }
}

export const mapSplitClientsCases: readonly ComparisonCase[] = [
  split("halves", "50% a; * b;"),
  split(
    "shares with decimals",
    "0.01% tiny; 0.5% small; 10.25% ten; .75% part; 33.3% third; 5.% five; * rest;",
  ),
  split("what is left has no value", "25% a; 25% b;"),
  split("the whole in one", "100% all;"),
  split("the whole in parts", "33.33% a; 33.33% b; 33.34% c;"),
  split("what is left first", "* all;"),
  split("an empty value", '50% ""; * x;'),
  split("values are texts", "50% $arg_k; * '$1 x';"),
  split("a salt", "20% a; 20% b; 20% c; 20% d; * e;", KEYS, "salt-$arg_k-$request_method"),
  split("an empty text and short ones", "20% a; 20% b; 20% c; 20% d; * e;", [
    "",
    "a",
    "ab",
    "abc",
    "abcd",
    "abcde",
  ]),
  split("more words than two", "50% a b c; * d e;", KEYS.slice(0, 4)),
]
