/** All modules, in the order in which handlers of one phase and header filters run. */
import type { Module } from "../runtime/module.ts"
import { access } from "./access.ts"
import { accessLog } from "./access-log.ts"
import { core } from "./core/core.ts"
import { coreVariables } from "./core-variables.ts"
import { errorLog } from "./error-log.ts"
import { headers } from "./headers.ts"
import { proxy } from "./proxy/proxy.ts"
import { proxySsl } from "./proxy-ssl.ts"
import { returnModule } from "./return.ts"
import { ssl } from "./ssl.ts"
import { stubStatus } from "./stub-status.ts"
import { upstreamModule } from "./upstream.ts"
import { upstreamVariables } from "./upstream-variables.ts"
import { websocket } from "./websocket.ts"

export type AnyModule = Module<unknown, unknown>

/** A fresh list with each module's index set; modules themselves hold no state but that. */
export const MODULES: readonly AnyModule[] = numbered([
  core,
  errorLog,
  upstreamModule,
  ssl,
  proxySsl,
  returnModule,
  access,
  stubStatus,
  websocket,
  proxy,
  headers,
  accessLog,
  coreVariables,
  upstreamVariables,
] as unknown as AnyModule[])

function numbered(modules: AnyModule[]): readonly AnyModule[] {
  modules.forEach((module, index) => {
    module.index = index
  })
  return modules
}
