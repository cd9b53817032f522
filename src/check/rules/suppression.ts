import { rule } from "../rule.ts"

/** Its findings are made where comments are read (src/check/suppressions.ts): it looks at no directive. */
export const suppression = rule({
  id: "suppression",
  severity: "warning",
  title: "A comment that disables a rule does not count",
  page: {
    happens:
      "The comment does nothing: what it was to silence is still reported. Or, worse, nobody will know in a year why a finding was silenced.",
    shows:
      '`This comment gives no reason: write it after "--".` from `holdfast check`; nginx reads no comments.',
    why: "A comment must name rules that exist, and say why its author knows better than they do. It speaks of the next line only, so that a new mistake further down is found.",
    fix: "# holdfast-disable-next-line rule, another-rule -- why it is right here",
  },
})
