{{- /* What all Deployments' pods have in common. Takes the component's name and the root. */}}
{{- define "runtime-env.pod" -}}
{{- $root := index . 1 }}
{{- $component := index $root.Values (index . 0) }}
serviceAccountName: runtime-env-{{ index . 0 }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with include "runtime-env.pull-secrets" $root | fromJsonArray }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $context := $root.Values.podSecurityContext | default dict }}
{{- $served := $root.Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- if or (eq $root.Values.openshift "always") (and (eq $root.Values.openshift "auto") $served) }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
securityContext: {{- toYaml $context | nindent 2 }}
{{- if $component.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range $component.topologySpreadConstraints }}
  - {{- toYaml . | nindent 4 }}
    {{- if not (hasKey . "labelSelector") }}
    labelSelector:
      matchLabels: {{- include "runtime-env.selector" $ | nindent 8 }}
    {{- end }}
{{- end }}
{{- end }}
{{- with $component.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $component.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $component.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $component.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What all containers have in common. Takes the component's name and the root. */}}
{{- define "runtime-env.container" -}}
{{- $root := index . 1 }}
{{- $component := index $root.Values (index . 0) }}
name: {{ index . 0 }}
image: {{ include "runtime-env.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args: [{{ index . 0 }}]
env:
  - {name: RUNTIME_ENV_NAMESPACE, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}}
  - {name: RUNTIME_ENV_IDENTITY, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.uid}}}
  - {name: RUNTIME_ENV_POD_DOMAIN, value: {{ $root.Values.podDomain | quote }}}
  - {name: RUNTIME_ENV_PLAINTEXT_POLICY, value: {{ $root.Values.plaintextPolicy | quote }}}
  {{- with $root.Values.reservedNames.allowed }}
  - {name: RUNTIME_ENV_ALLOWED_NAMES, value: {{ join "," . | quote }}}
  {{- end }}
  - {name: RUNTIME_ENV_ON_DEMAND_TTL, value: {{ $root.Values.onDemandTtl | quote }}}
  - {name: RUNTIME_ENV_CERTIFICATES, value: {{ ternary "controller" "external" (eq $root.Values.certificates "controller") }}}
  - {name: RUNTIME_ENV_LOG_LEVEL, value: {{ $root.Values.logLevel | quote }}}
  {{- if eq (index . 0) "webhook" }}
  - {name: RUNTIME_ENV_WEBHOOK_PORT, value: {{ $component.ports.https | quote }}}
  - {name: RUNTIME_ENV_PROBE_PORT, value: {{ $component.ports.probes | quote }}}
  {{- end }}
  {{- if eq (index . 0) "api" }}
  - {name: RUNTIME_ENV_API_TLS, value: {{ ternary "on" "off" (not (empty $component.tls.secretName)) | quote }}}
  - {name: RUNTIME_ENV_API_KEY_RATE, value: {{ $component.keyRate | quote }}}
  - {name: RUNTIME_ENV_API_ADDRESS_RATE, value: {{ $component.addressRate | quote }}}
  {{- with $component.forwardedAllowIps }}
  - {name: RUNTIME_ENV_FORWARDED_ALLOW_IPS, value: {{ join "," . | quote }}}
  {{- end }}
  {{- end }}
  {{- with $component.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
livenessProbe:
  httpGet: {path: /healthz, port: probes}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: probes}
  periodSeconds: 5
securityContext: {{- toYaml $root.Values.securityContext | nindent 2 }}
resources: {{- toYaml $component.resources | nindent 2 }}
{{- end }}
