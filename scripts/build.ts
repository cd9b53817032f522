/**
 * Makes the published program from src/: few files, since a start that loads 170 takes a third longer.
 *
 *     node scripts/build.ts [folder]        dist/ where none is named
 */
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const SOURCE = fileURLToPath(new URL("../src/", import.meta.url))

/** Writes the program below `folder`; what cannot be resolved or parsed rejects, with the place. */
export async function buildProgram(folder: string): Promise<void> {
  await build({
    // What is started by name: the program, and the thread of a worker. All lies in one folder, so that a file finds
    // the worker beside itself, as it does in src/server.
    entryPoints: { main: join(SOURCE, "cli/main.ts"), worker: join(SOURCE, "server/worker.ts") },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    packages: "external",
    logLevel: "warning",
  })
}

if (import.meta.main) await buildProgram(resolve(process.argv[2] ?? "dist"))
