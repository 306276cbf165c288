{{- /* How the namespace is enrolled, as variables of a policy: core.tenancy in CEL. */}}
{{- define "runtime-env.cel.enrolment" -}}
- name: labels
  expression: namespaceObject.metadata.?labels.orValue({})
- name: tenant
  expression: variables.labels[?'runtime.miosa.ai/tenant'].orValue('')
- name: workspace
  expression: variables.labels[?'runtime.miosa.ai/workspace'].orValue('')
- name: project
  expression: variables.labels[?'runtime.miosa.ai/project'].orValue('')
- name: listed
  expression: namespaceObject.metadata.?annotations[?'runtime.miosa.ai/projects'].orValue('')
- name: projects
  expression: "variables.listed.size() <= 16384 ? variables.listed.split(',').map(id, id.trim()) : []"
- name: enrolled
  expression: >-
    variables.tenant != ''
    && variables.labels[?'runtime.miosa.ai/workspace'].orValue('-') != ''
    && variables.labels[?'runtime.miosa.ai/project'].orValue('-') != ''
{{- end }}

{{- /* Are the notes at most 16 objects and arrays deep, they themselves counted? Many readers' stacks hold no 1,000. */}}
{{- define "runtime-env.cel.shallow" -}}
{{- $rule := "type(n16) != map && type(n16) != list" }}
{{- range $level := untilStep 16 0 -1 }}
{{- $notes := eq $level 1 | ternary "variables.notes" (printf "n%d" (sub $level 1)) }}
{{- $inner := printf "type(%s) == map ? %s.map(k, %s[k]) : type(%s) == list ? %s : []" $notes $notes $notes $notes $notes }}
{{- $rule = printf "(%s).all(n%d, %s)" $inner $level $rule }}
{{- end }}
{{- $rule }}
{{- end }}

{{- /* core.names.escape in CEL. Takes the id as an expression. */}}
{{- define "runtime-env.cel.escape" -}}
{{ . }}.split('').map(c,
c.matches('^[a-z0-9]$') ? c : c == '-' ? '--' : c == '_' ? '-u' : c == '.' ? '-d' : '-c' + c.lowerAscii()).join('')
{{- end }}

{{- /* core.names.secret_name in CEL. Takes target, workspace and project as expressions; '' is an id that is absent. */}}
{{- define "runtime-env.cel.name" -}}
'renv.' + {{ index . 0 }}
+ ({{ index . 1 }} == '' ? '' : '.w-' + {{ include "runtime-env.cel.escape" (index . 1) }})
+ ({{ index . 2 }} == '' ? '' : '.p-' + {{ include "runtime-env.cel.escape" (index . 2) }})
{{- end }}

{{- /* What a pod asks for, and the Secret that it gets, as variables that follow those of the enrolment. */}}
{{- define "runtime-env.cel.pod" -}}
- name: creates
  expression: request.operation == 'CREATE'
- name: podLabels
  expression: object.metadata.?labels.orValue({})
- name: target
  expression: variables.podLabels[?'{{ .Values.podDomain }}/target'].orValue('')
# What the namespace fixes goes before what the pod asks for.
- name: fixed
  expression: variables.workspace != '' || variables.project != ''
- name: workspaceId
  expression: >-
    variables.fixed ? variables.workspace : variables.podLabels[?'{{ .Values.podDomain }}/workspace'].orValue('')
- name: projectId
  expression: >-
    variables.project != '' ? variables.project : variables.podLabels[?'{{ .Values.podDomain }}/project'].orValue('')
- name: fits
  expression: >-
    (!('{{ .Values.podDomain }}/workspace' in variables.podLabels) || variables.workspaceId != ''
    && variables.podLabels['{{ .Values.podDomain }}/workspace'] == variables.workspaceId)
    && (!('{{ .Values.podDomain }}/project' in variables.podLabels) || variables.projectId != ''
    && variables.podLabels['{{ .Values.podDomain }}/project'] == variables.projectId
    && (variables.project != '' || variables.workspace == '' || variables.projectId in variables.projects))
- name: secret
  expression: >-
    {{- include "runtime-env.cel.name" (list "variables.target" "variables.workspaceId" "variables.projectId") | nindent 4 }}
- name: injected
  expression: object.metadata.?annotations[?'runtime.miosa.ai/injected'].orValue('')
- name: chosen
  expression: >-
    object.metadata.?annotations[?'{{ .Values.podDomain }}/containers'].orValue('').split(',').map(name, name.trim())
- name: choosesAll
  expression: "!('{{ .Values.podDomain }}/containers' in object.metadata.?annotations.orValue({}))"
- name: known
  expression: "variables.creates ? [] : oldObject.spec.?ephemeralContainers.orValue([]).map(c, c.name)"
{{- end }}

{{- /* Our own pods wait for none of us, whoever labels them: else none of them could ever start. */}}
{{- define "runtime-env.not-our-own" }}
- name: not-our-own
  expression: >-
    request.namespace != '{{ .Release.Namespace }}' || !(object.spec.?serviceAccountName.orValue('') in
    ['runtime-env-controller', 'runtime-env-webhook', 'runtime-env-api'])
{{- end }}

{{- define "runtime-env.not-enrolled" -}}
the namespace is not enrolled: set its label runtime.miosa.ai/tenant
{{- end }}

{{- /* Defaults, said because matchConstraints belongs to its writer as a whole: what the API server adds to it would be in
       conflict with the next who applies the same by server-side apply, for instance helm after kubectl. */}}
{{- define "runtime-env.all-namespaces" -}}
matchPolicy: Equivalent
namespaceSelector: {}
{{- end }}

{{- /* The binding of a policy, and what follows it. Takes its name and the root. */}}
{{- define "runtime-env.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ index . 0 }}
  labels: {{- include "runtime-env.labels" (index . 1) | nindent 4 }}
  {{- include "runtime-env.annotations" (list (dict) (index . 1)) | nindent 2 }}
spec:
  policyName: {{ index . 0 }}
  validationActions: [Deny]
{{- end }}
