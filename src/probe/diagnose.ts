/** From what was seen to what is wrong. */
import type { Case, Diagnose } from "./cause.ts"
import { diagnoseAddresses } from "./causes/addresses.ts"
import { diagnoseBackend } from "./causes/backend.ts"
import { diagnoseBurst } from "./causes/burst.ts"
import { diagnoseHandshake } from "./causes/handshake.ts"
import { diagnoseHold } from "./causes/hold.ts"
import { diagnoseHttp2 } from "./causes/http2.ts"
import { diagnoseMessages } from "./causes/messages.ts"
import { diagnoseRedirect } from "./causes/redirect.ts"
import { diagnoseSticky } from "./causes/sticky.ts"
import { diagnoseTls } from "./causes/tls.ts"
import type { Diagnosis, Severity } from "./report.ts"

/** In the order of the way: what is wrong earlier explains what comes later. */
const DIAGNOSES: readonly Diagnose[] = [
  diagnoseAddresses,
  diagnoseTls,
  diagnoseRedirect,
  diagnoseHandshake,
  diagnoseHttp2,
  diagnoseMessages,
  diagnoseHold,
  diagnoseSticky,
  diagnoseBurst,
  diagnoseBackend,
]

const SEVERITIES: readonly Severity[] = ["error", "warning", "info"]

/** Worst first; among equals, first on the way. */
export function diagnose(one: Case): Diagnosis[] {
  const found = DIAGNOSES.flatMap((look) => look(one))
  return SEVERITIES.flatMap((severity) => found.filter((diagnosis) => diagnosis.severity === severity))
}
