import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { drawFamily } from "./chart.ts"
import { drawCurves, isOfCurves } from "./curves.ts"
import { captionOf, type Run } from "./run.ts"
import { formatRemarks, formatTable } from "./table.ts"

const README = fileURLToPath(new URL("../README.md", import.meta.url))
const README_CHARTS = fileURLToPath(new URL("../charts", import.meta.url))
const BEGIN = "<!-- figures: written by `npm run bench -- --write-readme` -->"
const END = "<!-- /figures -->"

// Above this, before anything was started, the machine was not the benchmark's own.
const BUSY_LOAD = 0.5
const BUSY =
  " Other programs ran on the machine meanwhile: ratios of CPU time can be used, latencies and times of the clock cannot."

/** All tables, one a family, with what is to be known about them. */
export function formatRun(run: Run): string {
  return run.families
    .map(({ title, works }) => [`${title}\n`, formatTable(works), ...formatRemarks(works)].join("\n"))
    .join("\n\n")
}

/** Writes one SVG a family into `folder`, which is made. */
export function writeCharts(run: Run, folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const family of run.families) {
    const draw = isOfCurves(family) ? drawCurves : drawFamily
    writeFileSync(join(folder, `${family.name}.svg`), draw(run, family), "utf8")
  }
}

/** Puts the figures of a run between the marks in README.md, and its charts beside it. */
export function writeReadme(run: Run): void {
  const page = readFileSync(README, "utf8")
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${README} has no marks for the figures`)
  writeCharts(run, README_CHARTS)
  writeFileSync(README, `${page.slice(0, begin)}${BEGIN}\n\n${formatFigures(run)}\n\n${page.slice(end)}`)
}

function formatFigures(run: Run): string {
  const [before, after] = run.loadAverage
  const parts = [
    `${captionOf(run)}`,
    `${run.rounds} rounds of ${run.roundMs / 1000} s for each peer and kind of work; load average ` +
      `${before.toFixed(1)} before and ${after.toFixed(1)} after.${before < BUSY_LOAD ? "" : BUSY}`,
  ]
  for (const { name, title, works } of run.families) {
    parts.push(`### ${title}`, `![${title}](charts/${name}.svg)`, formatTable(works))
    parts.push(...formatRemarks(works))
  }
  return parts.join("\n\n")
}
