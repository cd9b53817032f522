/** Directives that do nothing here are checked all the same. */
import { type BadInput, describeBadInput, inHttp, inLocation } from "./bad-input.ts"

const inMain = (line: string): string => `${line}\nevents {}\n`
const inEvents = (line: string): string => `events {\n${line}\n}\n`

function refused(config: string, error: string, nginx?: BadInput["nginx"]): BadInput {
  const name = config.split("\n").find((line) => line.endsWith("#!")) ?? config
  return nginx === undefined ? { name, config, error } : { name, config, error, nginx }
}

describeBadInput("directives without effect", [
  refused(inMain("worker_cpu_affinity 01x1; #!"), 'invalid character "x" in "worker_cpu_affinity"'),
  refused(inMain("worker_cpu_affinity 01 1y; #!"), 'invalid character "y" in "worker_cpu_affinity"'),
  refused(
    inMain("worker_cpu_affinity auto 1 1; #!"),
    'invalid number of arguments in "worker_cpu_affinity" directive',
  ),
  refused(
    inMain("worker_cpu_affinity 1;\nworker_cpu_affinity 1; #!"),
    '"worker_cpu_affinity" directive is duplicate',
  ),
  refused(inMain("worker_priority high; #!"), '"worker_priority" directive invalid number'),
  refused(inMain("worker_priority --5; #!"), '"worker_priority" directive invalid number'),
  refused(inMain("thread_pool p threads=0; #!"), 'invalid threads value "threads=0"'),
  refused(inMain("thread_pool p threads=x; #!"), 'invalid threads value "threads=x"'),
  refused(inMain("thread_pool p threads=1 max_queue=x; #!"), 'invalid max_queue value "max_queue=x"'),
  refused(inMain("thread_pool p max_queue=5; #!"), '"thread_pool" must have "threads" parameter'),
  refused(inMain("thread_pool p threads=1;\nthread_pool p threads=2; #!"), 'duplicate thread pool "p"'),
  refused(inMain("debug_points maybe; #!"), 'invalid value "maybe"'),
  refused(inMain("timer_resolution soon; #!"), '"timer_resolution" directive invalid value'),
  refused(inMain("worker_rlimit_core big; #!"), '"worker_rlimit_core" directive invalid value'),
  refused(inEvents("use magic; #!"), 'invalid event type "magic"'),
  refused(inEvents("use epoll;\nuse epoll; #!"), '"use" directive is duplicate'),
  refused(
    inEvents("accept_mutex maybe; #!"),
    'invalid value "maybe" in "accept_mutex" directive, it must be "on" or "off"',
  ),
  refused(inHttp("connection_pool_size 100; #!"), "the pool size must be no less than 112"),
  refused(inHttp("connection_pool_size 113; #!"), "the pool size must be a multiple of 16"),
  refused(inHttp("keepalive_disable opera; #!"), 'invalid value "opera"'),
  refused(inHttp("open_log_file_cache max=x; #!"), 'invalid "open_log_file_cache" parameter "max=x"'),
  refused(
    inHttp("open_log_file_cache max=5 inactive=x; #!"),
    'invalid "open_log_file_cache" parameter "inactive=x"',
  ),
  refused(inHttp("open_log_file_cache valid=1m; #!"), '"open_log_file_cache" must have "max" parameter'),
  refused(inLocation("proxy_cache_valid 200 soon; #!"), 'invalid time value "soon"'),
  refused(inLocation("proxy_cache_valid 99 1m; #!"), 'invalid status "99"'),
  refused(inLocation("proxy_cache_valid some 1m; #!"), 'invalid status "some"'),
  refused(inLocation("proxy_cache_methods GET PUT; #!"), 'invalid value "PUT"'),
  refused(inLocation("proxy_cache_use_stale sometimes; #!"), 'invalid value "sometimes"'),
  refused(inLocation("proxy_store_access user:x; #!"), 'invalid value "user:x"'),
  refused(inLocation("fastcgi_temp_path /tmp/f x; #!"), '"fastcgi_temp_path" directive invalid value'),
  refused(
    inLocation("uwsgi_temp_path /tmp/u 1 2 3 4; #!"),
    'invalid number of arguments in "uwsgi_temp_path" directive',
  ),
  refused(
    inLocation("scgi_temp_path /tmp/s;\nscgi_temp_path /tmp/s; #!"),
    '"scgi_temp_path" directive is duplicate',
  ),
])
