# What `sam build` runs for each function, in the service's folder in src/ (WorkingDirectory).
build-%:
	@$(runtime) -c "import pip" 2>/dev/null || { echo "No working $(runtime) with pip on the PATH, which builds the package: install it, or choose another Runtime." >&2; exit 1; }
	@PYTHONPATH=.. $(runtime) -s -B -m fanout.packaging.sam_build "$${PWD##*/}" "$(ARTIFACTS_DIR)"
