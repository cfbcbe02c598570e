output "fanout" {
  description = "Names of what is deployed, and the versions that run."
  value       = module.fanout
}
