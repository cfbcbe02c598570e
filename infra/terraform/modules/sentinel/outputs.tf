output "function_name" {
  description = "Name of the function."
  value       = module.function.name
}

output "role_name" {
  description = "Name of its role, which the owner of a table without the deployment's prefix lets read it."
  value       = module.function.role_name
}
