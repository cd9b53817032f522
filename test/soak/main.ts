import { parseOptions, USAGE } from "./options.ts"
import { reportText } from "./report.ts"
import { runSoak } from "./soak.ts"

// `npm run soak`: exit status 0 when every check holds, 1 when one does not, 2 for a wrong command line.

async function main(): Promise<number> {
  let parsed: ReturnType<typeof parseOptions>
  try {
    parsed = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`soak: ${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (parsed.isHelp) {
    console.log(USAGE)
    return 0
  }
  const report = await runSoak(parsed.options, (line) => console.error(line))
  process.stdout.write(parsed.isJson ? `${JSON.stringify(report, null, 2)}\n` : reportText(report))
  return report.isOk ? 0 : 1
}

process.exitCode = await main()
