/** allow, deny: who may come in, by address. The first rule that matches decides; without one all may. ngx_http_access_module. */
import { type Network, parseNetwork } from "../base/cidr.ts"
import { ERROR } from "../base/logger.ts"
import { directives, HTTP, LIMIT_EXCEPT, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { defineModule } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import {
  allowAccess,
  FORBIDDEN_BY_RULE,
  isAccessGranted,
  refuseAccess,
  satisfiesAny,
} from "./access-satisfy.ts"
import { workerState } from "./core-variables.ts"

const CONTEXTS = HTTP | SERVER | LOCATION | LIMIT_EXCEPT
const FORBIDDEN = 403

interface Rule {
  readonly isDeny: boolean
  /** Null for `all` and `unix:`. */
  readonly network: Network | null
  readonly isAll: boolean
}

interface Rules {
  readonly rules: readonly Rule[]
  /** Some rule speaks of IPv4: addresses of IPv4 in IPv6 form are then looked at as IPv4. */
  readonly hasIpv4: boolean
}

export const access = defineModule({
  name: "access",
  directives: directives({
    allow: {
      in: CONTEXTS,
      args: 1,
      list: parseRule,
      slot: "access",
      syntax: "address | CIDR | unix: | all",
      doc: "Lets an address or a network in.",
    },
    deny: {
      in: CONTEXTS,
      args: 1,
      list: parseRule,
      slot: "access",
      syntax: "address | CIDR | unix: | all",
      doc: "Keeps an address or a network out.",
    },
  }),
  location: (conf): Rules | undefined => {
    // Both names stand for the one list that they share.
    const rules = conf.allow
    if (rules.length === 0) return undefined
    return { rules, hasIpv4: rules.some((rule) => rule.isAll || rule.network?.base.family === 4) }
  },
  phases: { access: checkAccess },
})

function parseRule(args: readonly string[], context: ValueContext): Rule {
  const text = args[0]
  const isDeny = context.directive.name === "deny"
  if (text === "all") return { isDeny, network: null, isAll: true }
  if (text === "unix:") return { isDeny, network: null, isAll: false }
  const parsed = parseNetwork(text)
  if (parsed === undefined) return context.fail(`invalid parameter "${text}"`)
  if (parsed.hasLowBits) context.warn(`low address bits of ${text} are meaningless`)
  return { isDeny, network: parsed.network, isAll: false }
}

function checkAccess(request: Request, { rules, hasIpv4 }: Rules): PhaseResult {
  if (isAccessGranted(request)) return NEXT
  const known = workerState(request).addressOf(request.remote)
  const address = known?.isIpv4Mapped === true && hasIpv4 ? known.unmapped() : known
  for (let i = 0; i < rules.length; i++) {
    const { isDeny, network, isAll } = rules[i]
    const matches = isAll || (address === undefined ? network === null : network?.contains(address) === true)
    if (!matches) continue
    if (!isDeny) return allowAccess(request)
    if (!satisfiesAny(request)) request.log(ERROR, FORBIDDEN_BY_RULE)
    return refuseAccess(request, FORBIDDEN)
  }
  return NEXT
}
