/** add_trailer: fields behind the body of responses. ngx_http_headers_module. */
import { directives, HTTP, LOCATION, LOCATION_IF, SERVER } from "../config/row.ts"
import { HeaderList } from "../http/header-list.ts"
import { onOneLine } from "../http/octets.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { fieldFinder } from "./core-variables-fields.ts"
import { type AddedField, addedFields, inheritance, isOrdinary, parseField } from "./headers.ts"

const ANYWHERE = HTTP | SERVER | LOCATION | LOCATION_IF

export const trailers = defineModule({
  name: "trailers",
  directives: directives({
    add_trailer: {
      in: ANYWHERE,
      args: [2, 3],
      list: parseField,
      syntax: "name value [always]",
      doc: "Adds a field behind the body, where the protocol has a place for it: on the statuses of add_header, and with always on all.",
    },
    add_trailer_inherit: {
      in: ANYWHERE,
      value: inheritance,
      default: "on",
      doc: "What becomes of the add_trailer lines of higher levels: `on` keeps them where this one has none, `merge` adds them to those of this one, `off` drops them.",
    },
  }),
  location: (_conf, { scope }): readonly AddedField[] | undefined =>
    addedFields(scope, "add_trailer", "add_trailer_inherit"),
  headers: expectTrailers,
  variables: {
    families: {
      sent_trailer_: (rest) => {
        const find = fieldFinder(rest)
        return ({ response }) => (response.sentTrailers === null ? undefined : find(response.sentTrailers))
      },
      upstream_trailer_: (rest) => {
        const find = fieldFinder(rest)
        return ({ upstreamTrailers }) => (upstreamTrailers === null ? undefined : find(upstreamTrailers))
      },
    },
  },
})

function expectTrailers(request: Request, added: readonly AddedField[]): void {
  const { response } = request
  if (isOrdinary(response.status) || added.some((field) => field.isAlways))
    response.trailers = collectTrailers
}

/** The trailer section of the response, whose body is whole: what is relayed of the upstream's, then what is added. */
export function collectTrailers(request: Request): HeaderList {
  const { response } = request
  const section = response.relayedTrailers ?? new HeaderList()
  const added = request.location.of(trailers)
  if (added !== undefined) {
    const isCommon = isOrdinary(response.status)
    for (let i = 0; i < added.length; i++) {
      const { name, key, value, isAlways } = added[i] as AddedField
      if (!isAlways && !isCommon) continue
      const text = onOneLine(value.evaluate(request))
      if (text !== "") section.push(name, key, text)
    }
  }
  response.sentTrailers = section
  return section
}
