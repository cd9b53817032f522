/** Runs the steps one after the other, and judges. */
import { Secrets } from "../client/secrets.ts"
import { contextOfBackend, type ProbeContext } from "./context.ts"
import { diagnose } from "./diagnose.ts"
import type { Observations } from "./observations.ts"
import type { Report, StepReport } from "./report.ts"
import type { Step } from "./step.ts"
import { addresses } from "./steps/addresses.ts"
import { burst } from "./steps/burst.ts"
import { config } from "./steps/config.ts"
import { experiments } from "./steps/experiments.ts"
import { handshake } from "./steps/handshake.ts"
import { hold } from "./steps/hold.ts"
import { http2 } from "./steps/http2.ts"
import { messages } from "./steps/messages.ts"
import { redirect } from "./steps/redirect.ts"
import { sticky } from "./steps/sticky.ts"
import { tls } from "./steps/tls.ts"
import { verdictOf } from "./verdict.ts"

/** What is shown while a probe runs. */
export interface ProbeListener {
  /** A step begins, or says how far it is. */
  readonly progress: (title: string, text: string) => void
  /** Of the edge, then of the backend, step by step. */
  readonly step: (report: StepReport) => void
}

const STEPS: readonly Step[] = [
  addresses,
  tls,
  redirect,
  handshake,
  experiments,
  http2,
  messages,
  hold,
  sticky,
  burst,
  config,
]

/** What a backend is asked, too: the redirect, HTTP/2, spreading and limits are the edge's. */
const BACKEND_STEPS: ReadonlySet<Step> = new Set([addresses, tls, handshake, experiments, messages, hold])

/** One of the two ends that are asked. */
interface Side {
  readonly name: StepReport["side"]
  readonly context: ProbeContext
  readonly seen: Observations
  readonly steps: ReadonlySet<Step>
}

/** Never throws for what a peer does. */
export async function runProbe(context: ProbeContext, listener: ProbeListener): Promise<Report> {
  const startedAt = new Date()
  const startedMs = performance.now()
  const seen: Observations = {}
  const secrets = secretsOf(context)
  const steps = await runSteps(sidesOf(context, seen), listener, secrets)
  const diagnoses = secrets.hideIn(diagnose({ context, seen }))
  return {
    url: context.endpoint.url,
    backendUrl: context.plan.backend?.url,
    startedAt: startedAt.toISOString(),
    tookMs: Math.round(performance.now() - startedMs),
    isHealthy: diagnoses.every(({ severity }) => severity !== "error"),
    verdict: verdictOf(steps, diagnoses),
    steps,
    diagnoses,
  }
}

function sidesOf(context: ProbeContext, seen: Observations): Side[] {
  const edge: Side = { name: "edge", context, seen, steps: new Set(STEPS) }
  const { backend } = context.plan
  if (backend === undefined) return [edge]
  seen.backend = {}
  const asked = contextOfBackend(context, backend)
  return [edge, { name: "backend", context: asked, seen: seen.backend, steps: BACKEND_STEPS }]
}

function secretsOf({ endpoint, client, plan }: ProbeContext): Secrets {
  return new Secrets(client, plan.backend === undefined ? [endpoint] : [endpoint, plan.backend])
}

/** Both sides take each step at the same time, so that a hold takes no longer and one sees the same moment. */
async function runSteps(
  sides: readonly Side[],
  listener: ProbeListener,
  secrets: Secrets,
): Promise<StepReport[]> {
  const all: StepReport[] = []
  for (const step of STEPS) {
    const asked = sides.filter(({ steps }) => steps.has(step))
    const reports = await Promise.all(asked.map((side) => runStep(step, side, listener)))
    for (const found of reports) {
      if (found === undefined) continue
      const report = secrets.hideIn(found)
      all.push(report)
      listener.step(report)
    }
  }
  return all
}

async function runStep(step: Step, side: Side, listener: ProbeListener): Promise<StepReport | undefined> {
  const { id, title } = step
  const { name, context, seen } = side
  const why = step.skip?.(context, seen)
  if (why === "") return undefined
  const head = { id, title, side: name }
  if (why !== undefined) return { ...head, tookMs: 0, outcome: "skipped", summary: why, details: [] }
  const startedMs = performance.now()
  const progress = name === "edge" ? listener.progress : () => {}
  progress(title, "")
  const result = await step.run(context, seen, (text) => progress(title, text))
  return { ...head, tookMs: Math.round(performance.now() - startedMs), ...result }
}
