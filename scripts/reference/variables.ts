/** `docs/variables.md`: the variables of all modules, each with one sentence. */
import { REFUSED_VARIABLES } from "../../src/config/refused-variables.ts"
import { type FilledPage, variableNames } from "./pages.ts"
import { VARIABLE_TEXTS } from "./variable-texts.ts"

export function variablesPage(pages: readonly FilledPage[]): string {
  const sections = pages.flatMap(({ title, contents }) => {
    const rows = contents.flatMap(({ variables }) =>
      variables === undefined
        ? []
        : variableNames(variables).map((name) => {
            const when = variables.late?.[name] === undefined ? "" : " Known at the request's end."
            const settable = variables.setters?.[name] === undefined ? "" : " May be `set`."
            return `| \`$${name}${name.endsWith("_") ? "NAME" : ""}\` | ${textOf(name)}${settable}${when} |`
          }),
    )
    return rows.length === 0 ? [] : [`## ${title}\n\n| variable | |\n|---|---|\n${rows.sort().join("\n")}\n`]
  })
  return `# Variables

The variables of all modules, made from the rows that the program itself reads by (\`npm run docs\`; not to be edited by
hand). Those that \`set\`, \`map\`, \`geo\`, \`split_clients\`, \`auth_request_set\` and named groups of regular expressions define come on top. One of nginx's that
is not here is refused where it is used, with what to do in its place.

In a tunnel, those that are known at the request's end only tell of the tunnel's end.

${sections.join("\n")}
## Refused

| variables | what to do |
|---|---|
${REFUSED_VARIABLES.map(({ names, hint }) => `| ${refusedNames(names)} | ${hint} |`).join("\n")}
`
}

function refusedNames(names: string): string {
  const all = names.split(" ").map((name) => `\`$${name.replace("*", "…")}\``)
  return all.join(" ")
}

function textOf(name: string): string {
  return (VARIABLE_TEXTS[name] ?? "").replaceAll("|", "\\|")
}

/** Variables without a sentence: there must be none. */
export function withoutText(pages: readonly FilledPage[]): string[] {
  return pages
    .flatMap(({ contents }) => contents)
    .flatMap(({ variables }) => (variables === undefined ? [] : variableNames(variables)))
    .filter((name) => VARIABLE_TEXTS[name] === undefined)
}
