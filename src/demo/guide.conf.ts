/** What the demo changes of the guide's configuration: addresses, ports and paths. */
export interface GuideAddresses {
  readonly httpPort: number
  readonly httpsPort: number
  /** `host:port` of the backends. */
  readonly webSocketBackends: readonly [string, string]
  readonly appBackends: readonly [string, string]
}

/**
 * A whole nginx.conf around the production configuration of the guide on WebSocket proxying with nginx.
 * Paths are relative: of certificates to this file's folder, of logs and the pid file to the prefix.
 */
export function guideConfiguration(addresses: GuideAddresses): string {
  const { httpPort, httpsPort, webSocketBackends, appBackends } = addresses
  return `pid holdfast.pid;

events {
}

http {
    upstream ws_backend {
        ip_hash;
        server ${webSocketBackends[0]};
        server ${webSocketBackends[1]};
        keepalive 64;
    }

    upstream app_backend {
        server ${appBackends[0]};
        server ${appBackends[1]};
        keepalive 32;
    }

    server {
        listen 127.0.0.1:${httpPort};
        server_name localhost;
        return 301 https://$host:${httpsPort}$request_uri;
    }

    server {
        listen 127.0.0.1:${httpsPort} ssl;
        server_name localhost;

        ssl_certificate server.crt;
        ssl_certificate_key server.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:!aNULL:!MD5;
        ssl_prefer_server_ciphers on;
        ssl_session_cache shared:SSL:10m;
        ssl_session_timeout 10m;

        add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;

        access_log logs/access.log;
        error_log logs/error.log warn;

        # Standard HTTP application
        location / {
            proxy_pass http://app_backend;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }

        # WebSocket endpoint
        location /ws/ {
            proxy_pass http://ws_backend;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_read_timeout 3600s;
            proxy_send_timeout 3600s;
            proxy_connect_timeout 10s;
            proxy_buffering off;
            proxy_cache off;
        }

        location /nginx_status {
            stub_status;
            allow 127.0.0.1;
            deny all;
        }
    }
}
`
}
