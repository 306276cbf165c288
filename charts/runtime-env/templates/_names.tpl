{{- define "runtime-env.labels" -}}
{{- toYaml (merge (include "runtime-env.own-labels" . | fromYaml) .Values.commonLabels) }}
{{- end }}

{{- define "runtime-env.own-labels" -}}
app.kubernetes.io/name: runtime-env
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* The labels that a Deployment selects its pods by. Takes the component's name and the root. */}}
{{- define "runtime-env.selector" -}}
app.kubernetes.io/name: runtime-env
app.kubernetes.io/instance: {{ (index . 1).Release.Name }}
app.kubernetes.io/component: {{ index . 0 }}
{{- end }}

{{- /* The labels of a component's objects. Takes the component's name and the root. */}}
{{- define "runtime-env.component-labels" -}}
{{- toYaml (merge (include "runtime-env.labels" (index . 1) | fromYaml) (include "runtime-env.selector" . | fromYaml)) }}
{{- end }}

{{- /* The labels of a component's Deployment. Takes the component's name and the root. */}}
{{- define "runtime-env.deployment-labels" -}}
{{- $root := index . 1 }}
{{- $own := merge (include "runtime-env.own-labels" $root | fromYaml) (include "runtime-env.selector" . | fromYaml) }}
{{- toYaml (merge $own (index $root.Values (index . 0)).labels $root.Values.commonLabels) }}
{{- end }}

{{- /* The labels of a component's pods. Takes the component's name and the root. */}}
{{- define "runtime-env.pod-labels" -}}
{{- $root := index . 1 }}
{{- toYaml (merge (include "runtime-env.selector" . | fromYaml) (index $root.Values (index . 0)).podLabels $root.Values.commonLabels) }}
{{- end }}

{{- define "runtime-env.image" -}}
{{- $image := .Values.image }}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $image.repository }}
{{- with $image.digest }}@{{ . }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* The annotations of an object: its own, then those of all. Takes its own and the root. */}}
{{- define "runtime-env.annotations" -}}
{{- with merge (dict) (index . 0) (index . 1).Values.commonAnnotations -}}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "runtime-env.configuration-annotations" -}}
{{- $ca := dict "cert-manager.io/inject-ca-from" (printf "%s/runtime-env-webhook" .Release.Namespace) }}
{{- $own := merge (ternary $ca (dict) (eq .Values.certificates "cert-manager")) .Values.webhook.configurationAnnotations }}
{{- include "runtime-env.annotations" (list $own .) }}
{{- end }}

{{- /* Pods that receive an environment: with a target, and not opted out. */}}
{{- define "runtime-env.labelled" }}
matchExpressions:
  - {key: {{ .Values.podDomain }}/target, operator: Exists}
  - {key: {{ .Values.podDomain }}/inject, operator: NotIn, values: ["false"]}
{{- end }}

{{- define "runtime-env.api-scheme" -}}
{{ ternary "https" "http" (not (empty .Values.api.tls.secretName)) }}
{{- end }}

{{- define "runtime-env.api-port" -}}
{{ .Values.api.service.port | default (ternary 443 80 (not (empty .Values.api.tls.secretName))) }}
{{- end }}
