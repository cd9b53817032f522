/** A backend that refuses by itself what it accepts through the edge. */
import type { Case } from "../cause.ts"
import { isAccepted } from "../handshake.ts"
import type { Diagnosis } from "../report.ts"
import { outcomeText } from "../result-text.ts"

/** Nothing is wrong for clients; who compares the two sides wants to know why they differ. */
export function diagnoseBackend({ context, seen }: Case): Diagnosis[] {
  const result = seen.backend?.handshake
  const { backend } = context.plan
  if (backend === undefined || result === undefined || isAccepted(result) || !isAccepted(seen.handshake))
    return []
  return [
    {
      severity: "info",
      what: "The backend, asked directly, does not accept what it accepts through the edge.",
      suspects: [
        {
          id: "backend-differs",
          title:
            "The edge asks it otherwise: another Host, path or Origin, or from an address that is let in",
          hop: "backend",
          certainty: "possible",
          evidence: [`${backend.url}: ${outcomeText(result)}`],
          mend: [
            { where: "to ask as the edge does", text: `--header "Host: ${context.endpoint.authority}"` },
          ],
        },
      ],
    },
  ]
}
