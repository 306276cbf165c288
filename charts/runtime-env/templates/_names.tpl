{{- /* Maps as one: later ones win, with an empty text too, which merge takes for none. Takes a list; null is an empty map. */}}
{{- define "runtime-env.joined" -}}
{{- $all := dict }}
{{- range . }}
{{- range $key, $value := . }}
{{- $_ := set $all $key $value }}
{{- end }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{- define "runtime-env.labels" -}}
{{- include "runtime-env.joined" (list .Values.commonLabels (include "runtime-env.own-labels" . | fromYaml)) }}
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
{{- include "runtime-env.joined" (list (include "runtime-env.labels" (index . 1) | fromYaml) (include "runtime-env.selector" . | fromYaml)) }}
{{- end }}

{{- /* The labels of a component's Deployment. Takes the component's name and the root. */}}
{{- define "runtime-env.deployment-labels" -}}
{{- $root := index . 1 }}
{{- $own := list (include "runtime-env.own-labels" $root | fromYaml) (include "runtime-env.selector" . | fromYaml) }}
{{- include "runtime-env.joined" (concat (list $root.Values.commonLabels (index $root.Values (index . 0)).labels) $own) }}
{{- end }}

{{- /* The labels of a component's pods. Takes the component's name and the root. */}}
{{- define "runtime-env.pod-labels" -}}
{{- $root := index . 1 }}
{{- $own := include "runtime-env.selector" . | fromYaml }}
{{- include "runtime-env.joined" (list $root.Values.commonLabels (index $root.Values (index . 0)).podLabels $own) }}
{{- end }}

{{- define "runtime-env.image" -}}
{{- $image := .Values.image }}
{{- with $image.registry | default (dig "imageRegistry" "" (.Values.global | default dict)) }}{{ trimSuffix "/" . }}/{{ end }}{{ $image.repository }}
{{- with $image.digest }}@{{ . }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* The Secrets that the image is pulled with, as JSON: two of one name, a server-side apply would refuse. */}}
{{- define "runtime-env.pull-secrets" -}}
{{- $found := list }}
{{- range concat (.Values.imagePullSecrets | default list) (dig "imagePullSecrets" list (.Values.global | default dict)) }}
{{- $found = append $found (ternary (dict "name" .) . (kindIs "string" .)) }}
{{- end }}
{{- toJson (uniq $found) }}
{{- end }}

{{- /* The annotations of an object: its own, then those of all. Takes its own and the root. */}}
{{- define "runtime-env.annotations" -}}
{{- with include "runtime-env.joined" (list (index . 1).Values.commonAnnotations (index . 0)) | fromYaml -}}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "runtime-env.configuration-annotations" -}}
{{- $ca := dict "cert-manager.io/inject-ca-from" (printf "%s/runtime-env-webhook" .Release.Namespace) }}
{{- $ours := ternary $ca (dict) (eq .Values.certificates "cert-manager") }}
{{- $own := include "runtime-env.joined" (list .Values.webhook.configurationAnnotations $ours) | fromYaml }}
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
