print("namebridge")
