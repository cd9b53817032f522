/** limit_except: what holds in a location for all methods but a few. ngx_http_core_limit_except. */
import { ANY, directives, LIMIT_EXCEPT, LOCATION, type ValueContext } from "../config/row.ts"
import type { Location } from "../runtime/location.ts"
import { defineModule, type Module } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"

/** ngx_methods_names: those that can be excepted. */
const METHODS: ReadonlySet<string> = new Set(
  "GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH".split(" "),
)

interface LimitExcept {
  /** The methods that the block does not speak of. */
  readonly methods: ReadonlySet<string>
  /** Where requests of all others go. */
  readonly location: Location
}

export const limitExcept: Module<LimitExcept, undefined> = defineModule({
  name: "limit_except",
  directives: directives({
    limit_except: {
      in: LOCATION,
      args: [1, ANY],
      block: LIMIT_EXCEPT,
      once: true,
      open: (args, context) => void readMethods(args, context),
      syntax: "method …",
      doc: "Directives for requests of all methods but those named; GET stands for HEAD, too.",
    },
  }),
  location: (_conf, context): LimitExcept | undefined => {
    const block = context.scope.blocks("limit_except")[0]
    const directive = block?.directive ?? null
    if (block === undefined || directive === null) return undefined
    const args = directive.args.map((word) => word.text)
    return { methods: readMethods(args, context.blame(directive)), location: context.inner(block) }
  },
  phases: { rewrite: enter },
})

function readMethods(args: readonly string[], context: ValueContext): ReadonlySet<string> {
  const methods = new Set<string>()
  for (const text of args) {
    const method = text.toUpperCase()
    if (!METHODS.has(method)) context.fail(`invalid method "${text}"`)
    methods.add(method)
  }
  if (methods.has("GET")) methods.add("HEAD")
  return methods
}

/** Before the location's own rewrite directives, which a request that goes elsewhere never meets. */
function enter(request: Request, { methods, location }: LimitExcept): PhaseResult {
  if (methods.has(request.method)) return NEXT
  request.location = location
  request.handlers = location.handlers
  request.cursor = 0
  return NEXT
}
