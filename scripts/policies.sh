#!/bin/sh
# Usage: scripts/policies.sh BIN   (make check-policies)
# checkov over SAM and Terraform, parliament over every policy of the deployed template. Both live
# in a virtual environment of their own: checkov pins a boto3 that nothing here could run with.
set -eu
bin=$1
venv=$(sh scripts/tool_venv.sh "$bin" policy)

PYTHONPATH=tests "$bin/python" -m infra.sam_policies build/policies
"$venv/bin/python" scripts/lint_policies.py build/policies

# Without its guidelines, which it would fetch from its maker at each start.
export BC_SKIP_MAPPING=TRUE
for kind in cloudformation:infra/sam terraform:infra/terraform/modules terraform:infra/terraform/examples; do
    "$venv/bin/checkov" --framework "${kind%%:*}" --directory "${kind#*:}" --compact --quiet --skip-download
done
