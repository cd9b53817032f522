import { compareWithNginx } from "./compare.ts"
import { tlsSettingsCases } from "./tls-settings.cases.ts"

compareWithNginx("settings of TLS", tlsSettingsCases)
