import { describeBadInput, inHttp, inLocation, inServer } from "./bad-input.ts"

describeBadInput("realip, satisfy, auth_basic, auth_request", [
  {
    name: "set_real_ip_from: no network",
    config: inServer("set_real_ip_from 10.0.0.0/33; #!"),
    error: 'host not found in set_real_ip_from "10.0.0.0/33"',
  },
  {
    name: "set_real_ip_from: two",
    config: inHttp("set_real_ip_from 10.0.0.1 10.0.0.2; #!"),
    error: 'invalid number of arguments in "set_real_ip_from" directive',
  },
  {
    name: "real_ip_header: twice",
    config: inServer("real_ip_header A;\nreal_ip_header B; #!"),
    error: '"real_ip_header" directive is duplicate',
  },
  {
    name: "real_ip_recursive: no flag",
    config: inLocation("real_ip_recursive yes; #!"),
    error: 'invalid value "yes" in "real_ip_recursive" directive, it must be "on" or "off"',
  },
  { name: "satisfy: neither", config: inServer("satisfy some; #!"), error: 'invalid value "some"' },
  {
    name: "satisfy: twice",
    config: inServer("satisfy any;\nsatisfy any; #!"),
    error: '"satisfy" directive is duplicate',
  },
  {
    name: "auth_basic: without a realm",
    config: inServer("auth_basic; #!"),
    error: 'invalid number of arguments in "auth_basic" directive',
  },
  {
    name: "auth_basic: twice",
    config: inServer("auth_basic a;\nauth_basic b; #!"),
    error: '"auth_basic" directive is duplicate',
  },
  {
    name: "auth_basic_user_file: twice",
    config: inServer("auth_basic_user_file a;\nauth_basic_user_file b; #!"),
    error: '"auth_basic_user_file" directive is duplicate',
  },
  {
    name: "auth_request: twice",
    config: inServer("auth_request /a;\nauth_request off; #!"),
    error: '"auth_request" directive is duplicate',
  },
  {
    name: "auth_request_set: no variable",
    config: inServer("auth_request_set a b; #!"),
    error: 'invalid variable name "a"',
  },
  {
    name: "auth_request_set: a variable of nginx's own",
    config: inServer("auth_request_set $host b; #!"),
    error: 'the duplicate "host" variable',
  },
])
